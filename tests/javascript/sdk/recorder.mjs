// The official SDK for Node with a note of each call, and what its calls need.
import assert from "node:assert/strict";
import { createServer } from "node:http";

import { Checkout } from "checkout-sdk-node";

const { SANDBOX, SECRET_KEY, CLIENT_ID, CLIENT_SECRET, CHANNEL, PREFIX } = process.env;
export const SUBJECTS = ["payments", "instruments", "workflows", "customers", "disputes", "events", "access"];

/** The public methods of a client of the SDK. */
export function methodsOf(client) {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(client)).filter((name) => name !== "constructor");
}

/** The SDK as it is configured by its own options; `recorded` has the same clients, and notes what is called. */
export function build(httpClient, options = {}, key = SECRET_KEY) {
  const cko = new Checkout(key, { subdomain: PREFIX, httpClient, ...options });
  const made = [];
  const recorded = { made };
  for (const subject of SUBJECTS) {
    recorded[subject] = {};
    for (const name of methodsOf(cko[subject])) {
      recorded[subject][name] = (...given) => {
        made.push(`${subject}.${name}`);
        return cko[subject][name](...given);
      };
    }
  }
  return { cko, recorded };
}

export const withToken = (httpClient, scope) =>
  build(httpClient, { client: CLIENT_ID, scope, environment: "sandbox" }, CLIENT_SECRET);

/** The payer, the clock, and whatever else no API of the merchant can do. */
export async function control(method, path, body) {
  const answer = await fetch(`${SANDBOX}/_sandbox/${path}`, { method, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

export const firstPayment = (changes = {}) => ({
  source: { type: "kakaopay" },
  amount: 12900,
  currency: "KRW",
  reference: "sdk-1",
  payment_type: "Recurring",
  processing_channel_id: CHANNEL,
  processing: { terminal_type: "WEB" },
  success_url: "https://shop.test/ok",
  failure_url: "https://shop.test/ko",
  customer: { email: "kim@example.test", name: "Kim" },
  shipping: { address: { country: "KR" } },
  items: [{ name: "Tea", reference: "tea", unit_price: 12900, quantity: 1 }],
  ...changes,
});

/** A first payment that its payer agreed to. */
export async function captured(sdk) {
  const first = await sdk.payments.request(firstPayment(), "ik-first");
  const { pathname } = new URL(first.redirectLink);
  await fetch(`${SANDBOX}${pathname}/agree`, { method: "POST", redirect: "manual" });
  return first;
}

/** The SDK's own error of this name is thrown. */
export const refused = (name, promise) => assert.rejects(promise, { name });

/** A receiver of webhooks, which notes the types that come. */
export async function receiver() {
  const types = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (piece) => (text += piece));
    request.on("end", () => {
      types.push(JSON.parse(text).type);
      response.end();
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { types, url: `http://127.0.0.1:${server.address().port}/hooks`, close: () => server.close() };
}
