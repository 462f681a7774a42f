// nginx with k8s/load-balancers/nginx.conf.
import '../../client/faults/ending.mjs';
import { Nginx } from './nginx.mjs';
import { onThreeNodes } from './stories.mjs';

for (const forwards of [false, true]) onThreeNodes(Nginx, { asks: false, forwards });
