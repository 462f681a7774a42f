// crds.mjs FILE: the file is a JSON list of {where, object}, custom resources, which are checked against the schemas of their projects.
// Prints each fault on a line; fails if there is one, or a kind whose schema is not known. make k8s-check runs a copy of it, beside the packages.
import { readFile } from 'node:fs/promises';

const GROUPS = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'external-secrets.io': '@kubernetes-models/external-secrets',
};

async function model({ apiVersion, kind }) {
  const group = apiVersion.split('/')[0];
  const name = GROUPS[group];
  if (!name) throw new Error(`no schema is known for ${apiVersion} ${kind}`);
  const Model = (await import(`${name}/${apiVersion}`))[kind];
  if (typeof Model?.prototype?.validate !== 'function') throw new Error(`${name} has no schema for ${apiVersion} ${kind}`);
  return Model;
}

let faults = 0;
const list = JSON.parse(await readFile(process.argv[2], 'utf8'));
for (const { where, object } of list) {
  try {
    const Model = await model(object);
    new Model(object).validate();
  } catch (error) {
    faults += 1;
    console.log(`${where}: ${object.kind} ${object.metadata?.name}: ${error.message}`);
  }
}
process.exitCode = faults ? 1 : 0;
