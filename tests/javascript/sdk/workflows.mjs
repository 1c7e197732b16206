// Workflows, events and disputes: each call once, where it has something to do.
import assert from "node:assert/strict";

import { captured, control, receiver } from "./recorder.mjs";

const { CHANNEL, ENTITY } = process.env;

const webhook = (url) => ({ type: "webhook", url, signature: { method: "HMACSHA256", key: "of-the-workflow" } });
const waitsFor = (...types) => ({ type: "event", events: { gateway: types } });

/** A workflow that waits for captures, at a receiver; `types` are those that came. */
async function workflow(sdk, act) {
  const hook = await receiver();
  try {
    const conditions = [
      waitsFor("payment_captured"),
      { type: "entity", entities: [ENTITY] },
      { type: "processing_channel", processing_channels: [CHANNEL] },
    ];
    const made = await sdk.workflows.add({ name: "w", active: true, conditions, actions: [webhook(hook.url)] });
    await act({ id: made.id, url: hook.url, types: hook.types });
  } finally {
    hook.close();
  }
}

const drain = () => control("POST", "drain");

/** The workflow, and a payment that it told of once. */
const happened = (sdk, act) =>
  workflow(sdk, async (wf) => {
    const payment = (await captured(sdk)).id;
    await drain();
    const told = await sdk.workflows.getSubjectEvents(payment);
    const event = told.data.find((each) => each.type === "payment_captured").id;
    await act({ ...wf, payment, event });
  });

/** What is asked for sends the event to the workflow again. */
const sendsAgain = (sdk, ask) =>
  happened(sdk, async (all) => {
    await ask(all);
    await drain();
    assert.deepEqual(all.types, ["payment_captured", "payment_captured"]);
  });

async function answered(sdk) {
  const dispute = await disputed(sdk);
  await sdk.disputes.provideEvidence(dispute, { additional_evidence_text: "agreed on 1 March" });
  await sdk.disputes.submit(dispute);
  return dispute;
}

async function disputed(sdk) {
  const { id } = await captured(sdk);
  return (await control("POST", "disputes", { payment_id: id })).id;
}

export const workflows = {
  "workflows.add": (sdk) =>
    workflow(sdk, async ({ types }) => {
      await captured(sdk);
      await drain();
      assert.deepEqual(types, ["payment_captured"]);
    }),
  "workflows.getAll": (sdk) =>
    workflow(sdk, async ({ id }) => {
      assert.deepEqual((await sdk.workflows.getAll()).data.map((each) => each.id), [id]);
    }),
  "workflows.get": (sdk) =>
    workflow(sdk, async ({ id, url }) => {
      const shown = await sdk.workflows.get(id);
      assert.deepEqual([shown.name, shown.conditions.length, shown.actions[0].url], ["w", 3, url]);
    }),
  "workflows.remove": (sdk) =>
    workflow(sdk, async ({ id }) => {
      await sdk.workflows.remove(id);
      assert.deepEqual((await sdk.workflows.getAll()).data, []);
    }),
  "workflows.patch": (sdk) =>
    workflow(sdk, async ({ id }) => {
      const changed = await sdk.workflows.patch(id, { name: "new", active: false });
      assert.deepEqual([changed.name, changed.active], ["new", false]);
    }),
  "workflows.addAction": (sdk) =>
    workflow(sdk, async ({ id, url, types }) => {
      assert.match((await sdk.workflows.addAction(id, webhook(url))).id, /^wfa_/);
      await captured(sdk);
      await drain();
      assert.equal(types.length, 2);
    }),
  "workflows.updateAction": (sdk) =>
    workflow(sdk, async ({ id }) => {
      const [old] = (await sdk.workflows.get(id)).actions;
      await sdk.workflows.updateAction(id, old.id, webhook("https://shop.test/new"));
      assert.equal((await sdk.workflows.get(id)).actions[0].url, "https://shop.test/new");
    }),
  "workflows.removeAction": (sdk) =>
    workflow(sdk, async ({ id }) => {
      await sdk.workflows.removeAction(id, (await sdk.workflows.get(id)).actions[0].id);
      assert.deepEqual((await sdk.workflows.get(id)).actions, []);
    }),
  "workflows.addCondition": (sdk) =>
    workflow(sdk, async ({ id, types }) => {
      assert.match((await sdk.workflows.addCondition(id, waitsFor("payment_declined"))).id, /^wfc_/);
      await captured(sdk);
      await drain();
      assert.deepEqual(types, []);
    }),
  "workflows.updateCondition": (sdk) =>
    workflow(sdk, async ({ id, types }) => {
      const [old] = (await sdk.workflows.get(id)).conditions;
      await sdk.workflows.updateCondition(id, old.id, waitsFor("payment_pending"));
      await captured(sdk);
      await drain();
      assert.deepEqual(types, ["payment_pending"]);
    }),
  "workflows.removeCondition": (sdk) =>
    workflow(sdk, async ({ id }) => {
      await sdk.workflows.removeCondition(id, (await sdk.workflows.get(id)).conditions[1].id);
      const left = (await sdk.workflows.get(id)).conditions.map((each) => each.type);
      assert.deepEqual(left, ["event", "processing_channel"]);
    }),
  "workflows.test": (sdk) =>
    workflow(sdk, async ({ id, types }) => {
      await sdk.workflows.test(id, { event_types: ["payment_captured"] });
      await drain();
      assert.deepEqual(types, ["payment_captured"]);
    }),
  async "workflows.getEventTypes"(sdk) {
    assert.deepEqual((await sdk.workflows.getEventTypes()).map((each) => each.id), ["gateway", "dispute"]);
  },
  "workflows.getEvent": (sdk) =>
    happened(sdk, async ({ event, payment }) => {
      const shown = await sdk.workflows.getEvent(event);
      assert.deepEqual([shown.type, shown.data.id], ["payment_captured", payment]);
    }),
  "workflows.getActionInvocations": (sdk) =>
    happened(sdk, async ({ id, event }) => {
      const [action] = (await sdk.workflows.get(id)).actions;
      const told = await sdk.workflows.getActionInvocations(event, action.id);
      assert.deepEqual([told.workflow_id, told.status], [id, "successful"]);
    }),
  async "workflows.getSubjectEvents"(sdk) {
    const told = await sdk.workflows.getSubjectEvents((await captured(sdk)).id);
    assert.equal(told.data.length, 3);
  },
  "workflows.reflowByEvent": (sdk) => sendsAgain(sdk, ({ event }) => sdk.workflows.reflowByEvent(event)),
  "workflows.reflowByEventAndWorkflow": (sdk) =>
    sendsAgain(sdk, ({ event, id }) => sdk.workflows.reflowByEventAndWorkflow(event, id)),
  "workflows.reflowEventsByEventAndWorkflowIds": (sdk) =>
    sendsAgain(sdk, ({ event, id }) => sdk.workflows.reflowEventsByEventAndWorkflowIds([event], [id])),
  "workflows.reflowEventsBySubjectAndWorkflowIds": (sdk) =>
    sendsAgain(sdk, ({ payment, id }) => sdk.workflows.reflowEventsBySubjectAndWorkflowIds([payment], [id])),
  "workflows.reflowBySubject": (sdk) => sendsAgain(sdk, ({ payment }) => sdk.workflows.reflowBySubject(payment)),
  "workflows.reflowBySubjectAndWorkflow": (sdk) =>
    sendsAgain(sdk, ({ payment, id }) => sdk.workflows.reflowBySubjectAndWorkflow(payment, id)),

  async "disputes.get"(sdk) {
    const dispute = await disputed(sdk);
    const found = await sdk.disputes.get({ statuses: "evidence_required", limit: 5 });
    assert.deepEqual([found.total_count, found.data[0].id], [1, dispute]);
  },
  async "disputes.getDetails"(sdk) {
    const shown = await sdk.disputes.getDetails(await disputed(sdk));
    assert.deepEqual([shown.status, shown.payment.amount], ["evidence_required", 12900]);
  },
  async "disputes.accept"(sdk) {
    const dispute = await disputed(sdk);
    await sdk.disputes.accept(dispute);
    assert.equal((await sdk.disputes.getDetails(dispute)).status, "accepted");
  },
  async "disputes.provideEvidence"(sdk) {
    await answered(sdk);
  },
  async "disputes.getEvidence"(sdk) {
    assert.equal((await sdk.disputes.getEvidence(await answered(sdk))).additional_evidence_text, "agreed on 1 March");
  },
  async "disputes.submit"(sdk) {
    assert.equal((await sdk.disputes.getDetails(await answered(sdk))).status, "evidence_under_review");
  },
  async "disputes.submitArbitrationEvidence"(sdk) {
    assert.equal(await sdk.disputes.submitArbitrationEvidence(await answered(sdk)), undefined);
  },
  async "disputes.getCompiledSubmittedEvidence"(sdk) {
    assert.match((await sdk.disputes.getCompiledSubmittedEvidence(await answered(sdk))).file_id, /^file_/);
  },
  async "disputes.getCompiledSubmittedArbitrationEvidence"(sdk) {
    const dispute = await answered(sdk);
    await sdk.disputes.submitArbitrationEvidence(dispute);
    assert.match((await sdk.disputes.getCompiledSubmittedArbitrationEvidence(dispute)).file_id, /^file_/);
  },
  async "disputes.getDisputeSchemeFiles"(sdk) {
    const dispute = await disputed(sdk);
    assert.equal((await sdk.disputes.getDisputeSchemeFiles(dispute)).id, dispute);
  },
};
