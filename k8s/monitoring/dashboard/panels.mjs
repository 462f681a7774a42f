// What the rows are made of: panels in Grafana's JSON, with only what differs from its defaults.

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** Which series a query takes: those that the variables at the top choose. `more` adds label matchers. */
export const at = (metric, more = '') => `${metric}{namespace=~"$namespace",job="$job",instance=~"$instance"${more && `,${more}`}}`;
export const rate = (metric, more) => `rate(${at(metric, more)}[$__rate_interval])`;
/** A rate by some labels; `''`: all together. */
export const rates = (by, metric, more) => (by ? `sum by (${by}) (${rate(metric, more)})` : `sum(${rate(metric, more)})`);
/** The q-quantile of a histogram; `by` labels are kept. */
export const quantile = (q, metric, { by = '', more } = {}) =>
  `histogram_quantile(${q}, sum by (${['le', by].filter(Boolean).join(', ')}) (${rate(`${metric}_bucket`, more)}))`;
/** A healthy hub has no such series yet: show 0 rather than nothing. */
export const orZero = (expr) => `${expr} or vector(0)`;

/** A query and how its series are called, such as `{{instance}}`. */
export const q = (expr, legend) => ({ expr, legend });

function panel(type, title, description, queries, { width, height, ...rest }) {
  const targets = queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: DATASOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    ...(type === 'heatmap' ? { format: 'heatmap' } : {}),
    ...(type === 'stat' ? { instant: true, range: false } : { range: true }),
  }));
  return { type, title, description, datasource: DATASOURCE, width, height, targets, ...rest };
}

const defaults = (unit, more = {}) => ({ fieldConfig: { defaults: { unit, min: 0, ...more }, overrides: [] } });

/** Lines over time. `stacked`: what adds up to a whole. */
export function lines(title, description, queries, { unit = 'short', width = 8, stacked = false, max } = {}) {
  const custom = { lineWidth: 1, fillOpacity: stacked ? 30 : 8, showPoints: 'never', stacking: { mode: stacked ? 'normal' : 'none' } };
  return panel('timeseries', title, description, queries, {
    width,
    height: 8,
    ...defaults(unit, { custom, ...(max === undefined ? {} : { max }) }),
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  });
}

/** One number; `steps` are pairs of a value and the colour from there on. */
export function number(title, description, query, { unit = 'short', width = 4, steps = [] } = {}) {
  const colours = [{ color: steps.length ? 'green' : 'blue', value: null }, ...steps.map(([value, color]) => ({ color, value }))];
  return panel('stat', title, description, [query], {
    width,
    height: 4,
    ...defaults(unit, { thresholds: { mode: 'absolute', steps: colours } }),
    options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'none' },
  });
}

/** How many observations fell into which bucket. */
export function heatmap(title, description, query, { unit = 's', width = 8 } = {}) {
  return panel('heatmap', title, description, [query], {
    width,
    height: 8,
    options: { calculate: false, yAxis: { unit }, color: { mode: 'scheme', scheme: 'Oranges', steps: 64 }, cellGap: 1 },
  });
}
