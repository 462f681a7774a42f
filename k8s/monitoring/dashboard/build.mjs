#!/usr/bin/env node
// build.mjs [--check]: writes ../hubbub-dashboard.json, or fails if that is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { rows } from './rows.mjs';

const file = new URL('../hubbub-dashboard.json', import.meta.url);
const WIDTH = 24; // Grafana's grid

/** Lays panels out from left to right below their row's title. */
function layOut() {
  const panels = [];
  let y = 0;
  for (const [title, members] of rows) {
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const { width, height, ...panel } of members) {
      if (x + width > WIDTH) {
        y += tallest;
        x = tallest = 0;
      }
      panels.push({ id: panels.length + 1, ...panel, gridPos: { x, y, w: width, h: height } });
      x += width;
      tallest = Math.max(tallest, height);
    }
    y += tallest;
  }
  return panels;
}

function variable(name, label, query, more) {
  return { type: 'query', name, label, datasource: { type: 'prometheus', uid: '${datasource}' }, query: { query, refId: name }, definition: query, refresh: 2, sort: 1, ...more };
}

const all = { multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } };
const dashboard = {
  uid: 'hubbub',
  title: 'hubbub',
  tags: ['hubbub'],
  schemaVersion: 36,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  timezone: '',
  annotations: { list: [] },
  links: [],
  templating: {
    list: [
      { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', current: {} },
      // Empty without Kubernetes: "All" takes series without it, too.
      variable('namespace', 'Namespace', 'label_values(hubbub_build_info, namespace)', all),
      variable('job', 'Job', 'label_values(hubbub_build_info, job)', {}),
      variable('instance', 'Node', 'label_values(hubbub_build_info{namespace=~"$namespace",job="$job"}, instance)', all),
    ],
  },
};

// A panel a line: a change shows as the panels that it changes.
const head = JSON.stringify(dashboard, null, 2).replace(/\n\}$/, '');
const text = `${head},\n  "panels": [\n${layOut().map((panel) => `    ${JSON.stringify(panel)}`).join(',\n')}\n  ]\n}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('k8s/monitoring/hubbub-dashboard.json is not what dashboard/build.mjs makes: run node k8s/monitoring/dashboard/build.mjs');
  process.exit(1);
}
