// SPDX-License-Identifier: GPL-2.0-only
/** `mpu metrics`: counters and GPU use by container, for Prometheus. */
import { Option } from 'commander';
import type { MpuError } from '../lib/errors.js';
import { formatMetrics } from '../lib/metrics/exposition.js';
import { collectMetrics } from '../lib/metrics/metrics.js';
import { serveMetrics } from '../lib/metrics/server.js';
import type { RegisterCommand } from './command.js';

const DESCRIPTION = `Print, or serve, metrics in Prometheus' text format.

What mpu.ko has translated, and GPU memory, processes and utilization of each
container. With --listen it answers at /metrics until it is interrupted; there is no
authentication, so listen where only Prometheus gets. With --json it prints one
document with the url when it can be asked.`;

const EXAMPLES = `
Names of containers, and counters of mpu.ko, need root and the host.

Examples:
  sudo mpu metrics
  sudo mpu metrics --listen 127.0.0.1:9436
  mpu metrics --json | jq '.families[] | select(.name == "mpu_gpu_up")'

Exit codes: 0 done, also without a GPU (mpu_gpu_up is 0 then); 1 failed, e.g. to
listen; 2 usage; 4 permission denied.
`;

/** Registers `mpu metrics`. */
export const registerMetrics: RegisterCommand = (program, run) => {
  program
    .command('metrics')
    .summary('print or serve metrics for Prometheus')
    .description(DESCRIPTION)
    .addOption(new Option('-l, --listen <address:port>', 'serve them over HTTP').env('MPU_LISTEN'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ listen }: { listen?: string }) => {
      const { output, signal } = run;
      let told: string | undefined;
      const onProblem = ({ why }: MpuError): void => {
        // Once for as long as it lasts, not at every scrape.
        if (why !== told && !output.json) output.note(`no metrics of GPUs: ${why}`);
        told = why;
      };
      if (listen === undefined) {
        const families = await collectMetrics(onProblem, signal);
        output.result(formatMetrics(families), { families });
        return;
      }
      await serveMetrics({
        address: listen,
        collect: async () => formatMetrics(await collectMetrics(onProblem, signal)),
        signal,
        onListening: (url) => {
          if (output.json) output.result('', { url });
          else output.note(`listening at ${url}`);
        },
      });
    });
};
