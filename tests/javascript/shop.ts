// A backend in TypeScript, typed by the OpenAPI document: asks what is on sale, enrols somebody, looks at it.
import type { components, paths } from "./api";

type Plans = paths["/v1/plans"]["get"]["responses"]["200"]["content"]["application/json"];
type Wanted = paths["/v1/subscriptions"]["post"]["requestBody"]["content"]["application/json"];
type Enrolment = paths["/v1/subscriptions"]["post"]["responses"]["201"]["content"]["application/json"];
type Subscription = components["schemas"]["Subscription"];
type Problem = components["schemas"]["ProblemDetails"];

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2);

async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  return (await answer.json()) as Answer;
}

const plans = await ask<Plans>("GET", "/v1/plans");
const plan = plans.data[0];
if (plan === undefined) throw new Error("nothing is on sale");
const wanted: Wanted = {
  plan: plan.id,
  customer_reference: "cust-typescript",
  name: "김하늘",
  email: "haneul@example.test",
  terminal_type: "WEB",
  success_url: "http://127.0.0.1/ok",
  failure_url: "http://127.0.0.1/failed",
};
const made = await ask<Enrolment>("POST", "/v1/subscriptions", wanted);
const found = await ask<Subscription>("GET", `/v1/subscriptions/${made.id}`);
console.log(found.id, found.state);
const missing = await ask<Problem>("GET", `/v1/subscriptions/sub_${"a".repeat(26)}`);
console.log(missing.code);
