// Make every call with one HTTP client of the SDK (fetch or axios), each in a sandbox as new; tell what became of it.
// A second word "strict" has the sandbox demand and withhold all that the real gateway may.
// With "list" tell only what calls the SDK has, and which of them are made here.
import { payments } from "./payments.mjs";
import { build, control, methodsOf, SUBJECTS, withToken } from "./recorder.mjs";
import { workflows } from "./workflows.mjs";

const [, , wanted, profile] = process.argv;
const httpClient = wanted === "axios" ? "axios" : undefined;

async function outcome(name, act, { recorded }) {
  await control("POST", "reset", { seed: 1 });
  // Strict in all but the scopes, without which most calls would be refused.
  if (profile === "strict") await control("PUT", "profiles", { strict: true, scopes: false });
  await control("PUT", "clock", { now: "2026-03-01T00:00:00Z" });
  try {
    const made = (await act(recorded, httpClient)) ?? recorded.made;
    return made.includes(name) ? "ok" : `it made ${made}, and not itself`;
  } catch (error) {
    return `${error.stack} ${JSON.stringify(error.body ?? "")}`;
  }
}

const calls = { ...payments, ...workflows };

function list() {
  const { cko } = build(httpClient);
  const subjects = Object.keys(cko).filter((name) => name !== "config");
  const methods = SUBJECTS.flatMap((subject) => methodsOf(cko[subject]).map((name) => `${subject}.${name}`));
  return { subjects, methods, calls: Object.keys(calls) };
}

async function make() {
  const told = {};
  for (const [name, act] of Object.entries(calls)) told[name] = await outcome(name, act, build(httpClient));
  for (const name of ["payments.request", "payments.refund"]) {
    told[`${name} with a token`] = await outcome(name, payments[name], withToken(httpClient, ["gateway"]));
  }
  return told;
}

console.log(JSON.stringify(wanted === "list" ? list() : await make()));
