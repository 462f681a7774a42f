// What a Prometheus knows of the nodes.
import { fetchText } from '../../client/faults/balancer.mjs';

async function asks({ url }, path) {
  const { status, body } = await fetchText(`${url}/api/v1/${path}`, 10_000);
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
  return JSON.parse(body).data;
}

/** `{url, health}` of each target. */
export async function targets(prometheus) {
  const { activeTargets } = await asks(prometheus, 'targets?state=active');
  return activeTargets.map(({ scrapeUrl, health }) => ({ url: scrapeUrl, health }));
}

/** Every rule that it could not evaluate, with the reason. */
export async function brokenRules(prometheus) {
  const { groups } = await asks(prometheus, 'rules');
  const rules = groups.flatMap(({ rules }) => rules);
  if (rules.length === 0) throw new Error('it has no rules');
  return rules.filter(({ health }) => health === 'err').map(({ name, lastError }) => `${name}: ${lastError}`);
}

/** The values of an instant query. */
export async function values(prometheus, query) {
  const { result } = await asks(prometheus, `query?query=${encodeURIComponent(query)}`);
  return result.map(({ value }) => Number(value[1]));
}
