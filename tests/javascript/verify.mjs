// Verifies what a file holds of a delivery, as a backend in JavaScript does, and prints the type of the event.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, body, headers } = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(new Webhook(secret).verify(body, headers).type);
