// SPDX-License-Identifier: GPL-2.0-only
/** Reads Prometheus' text format by the parser of its own Python client. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '#mpu/lib/package/root.js';
import { pythonPackages } from '../support/pip.js';

export interface ParsedSample {
  name: string;
  labels: Record<string, string>;
  value: number;
  type: string;
}

const REQUIREMENT = 'prometheus_client==0.26.0';

const PROGRAM = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
samples = []
for family in parse(sys.stdin.read()):
    assert family.documentation and family.type in ('gauge', 'counter'), family
    for sample in family.samples:
        samples.append({'name': sample.name, 'labels': sample.labels, 'value': sample.value, 'type': family.type})
print(json.dumps(samples))
`;

/** The directory for PYTHONPATH, from the cache or else by pip. */
async function fetchParser(): Promise<string> {
  return pythonPackages(join(packageRoot, '.cache', 'prometheus'), REQUIREMENT.replace('==', '-'), [REQUIREMENT]);
}

/** The samples of a text; rejects with what the parser says when it does not take it. */
export async function parsePrometheus(text: string): Promise<ParsedSample[]> {
  const child = spawn('python3', ['-c', PROGRAM], { env: { ...process.env, PYTHONPATH: await fetchParser() } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(text);
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`not Prometheus' text format: ${stderr}`);
  return JSON.parse(stdout) as ParsedSample[];
}
