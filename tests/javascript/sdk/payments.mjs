// Payments, refunds, instruments, customers and tokens: each call once, where it has something to do.
import assert from "node:assert/strict";

import { captured, control, firstPayment, refused, withToken } from "./recorder.mjs";

const { CLIENT_ID, CLIENT_SECRET } = process.env;
const KIM = "kim@example.test";

export const payments = {
  async "payments.request"(sdk) {
    const first = await captured(sdk);
    assert.equal(first.status, "Pending");
    assert.equal(first.requiresRedirect, true);
    const later = { ...firstPayment(), reference: "sdk-2", source: { id: first.source.id }, processing: undefined };
    const made = await sdk.payments.request(later, "ik-1");
    assert.equal((await sdk.payments.request(later, "ik-1")).id, made.id);
    assert.equal(made.requiresRedirect, false);
  },
  async "payments.getPaymentList"(sdk) {
    const first = await captured(sdk);
    const listed = await sdk.payments.getPaymentList({ reference: "sdk-1", limit: 10, skip: 0 });
    assert.deepEqual(listed.data.map((each) => each.id), [first.id]);
  },
  async "payments.get"(sdk) {
    const details = await sdk.payments.get((await captured(sdk)).id);
    assert.deepEqual([details.status, details.balances.total_captured], ["Captured", 12900]);
  },
  async "payments.getActions"(sdk) {
    const actions = await sdk.payments.getActions((await captured(sdk)).id);
    assert.deepEqual(actions.map((each) => each.type), ["Capture", "Authorization"]);
  },
  async "payments.refund"(sdk) {
    const { id } = await captured(sdk);
    const refund = await sdk.payments.refund(id, { amount: 900, reference: "refund-1" }, "ik-2");
    assert.match(refund.action_id, /^act_/);
    await sdk.payments.refund(id, undefined, "ik-3");
    await control("PUT", "clock", { now: "2026-03-01T00:10:00Z" });
    assert.equal((await sdk.payments.get(id)).balances.total_refunded, 12900);
  },
  async "payments.search"(sdk) {
    const { id } = await captured(sdk);
    const window = { from: "2026-02-28T00:00:00Z", to: "2026-03-02T00:00:00Z" };
    const found = await sdk.payments.search({ query: `id:'${id}'`, limit: 10, ...window });
    assert.deepEqual(found.data.map((each) => each.id), [id]);
  },
  async "payments.capture"(sdk) {
    await refused("ActionNotAllowed", sdk.payments.capture((await captured(sdk)).id, {}, "ik-2"));
  },
  async "payments.void"(sdk) {
    await refused("ActionNotAllowed", sdk.payments.void((await captured(sdk)).id, {}, "ik-2"));
  },
  async "payments.reverse"(sdk) {
    await refused("ActionNotAllowed", sdk.payments.reverse((await captured(sdk)).id, {}, "ik-2"));
  },
  async "payments.increment"(sdk) {
    await refused("ActionNotAllowed", sdk.payments.increment((await captured(sdk)).id, { amount: 1 }, "ik-2"));
  },
  async "payments.cancelScheduledRetry"(sdk) {
    await refused("ActionNotAllowed", sdk.payments.cancelScheduledRetry((await captured(sdk)).id, {}, "ik-2"));
  },

  async "instruments.get"(sdk) {
    const shown = await sdk.instruments.get((await captured(sdk)).source.id);
    assert.deepEqual([shown.type, shown.status, shown.customer.name], ["kakaopay", "VALID", "Kim"]);
  },
  async "instruments.update"(sdk) {
    const { id } = (await captured(sdk)).source;
    assert.equal((await sdk.instruments.update(id, { customer: { default: true } })).id, id);
    assert.equal((await sdk.customers.get(KIM)).default, id);
  },
  async "instruments.revoke"(sdk) {
    const { id } = (await captured(sdk)).source;
    assert.equal((await sdk.instruments.revoke(id)).status, "INVALID");
    assert.equal((await sdk.instruments.get(id)).status_reason, "revoked_by_merchant");
  },
  async "instruments.delete"(sdk) {
    const { id } = (await captured(sdk)).source;
    assert.deepEqual(await sdk.instruments.delete(id), {});
    await refused("NotFoundError", sdk.instruments.get(id));
  },

  async "customers.create"(sdk) {
    const made = await sdk.customers.create({ email: KIM, name: "Kim", metadata: { team: "a" } });
    assert.equal((await captured(sdk)).customer.id, made.id);
  },
  async "customers.get"(sdk) {
    const first = await captured(sdk);
    const shown = await sdk.customers.get(first.customer.id);
    assert.deepEqual(shown.instruments.map((each) => each.id), [first.source.id]);
  },
  async "customers.update"(sdk) {
    const { id } = (await captured(sdk)).customer;
    assert.deepEqual(await sdk.customers.update(id, { name: "Kim H." }), {});
    assert.equal((await sdk.customers.get(id)).name, "Kim H.");
  },
  async "customers.delete"(sdk) {
    const { id } = (await captured(sdk)).customer;
    assert.deepEqual(await sdk.customers.delete(id), {});
    await refused("NotFoundError", sdk.customers.get(id));
  },

  async "access.request"(sdk) {
    const body = { grant_type: "client_credentials", client_id: CLIENT_ID, client_secret: CLIENT_SECRET };
    const granted = await sdk.access.request({ ...body, scope: "gateway vault:customers" });
    assert.deepEqual([granted.token_type, granted.scope], ["Bearer", "gateway vault:customers"]);
  },
  async "access.updateAccessToken"(_, httpClient) {
    const { cko, recorded } = withToken(httpClient, ["payments:search"]);
    recorded.access.updateAccessToken(await recorded.access.request());
    assert.deepEqual((await recorded.payments.search({})).data, []);
    await refused("ActionNotAllowed", recorded.payments.request(firstPayment()));
    assert.equal(cko.config.access.type, "Bearer");
    return recorded.made;
  },
};
