// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run test:kernel-tree -- DIR`: builds the kernel of a source tree and runs in it what the suite runs in Debian's: the
 * netlink family, interception with rounds under load, and nvidia-smi of three releases in containers.
 */
import { parseArgs } from 'node:util';
import { stat } from 'node:fs/promises';
import t from 'tap';
import { ExitCode, MpuError } from '#mpu/lib/errors.js';
import { kernelOfTree, type TreeKernel } from './harness/kernel-tree.js';
import { checkKernel } from './harness/test-kernel.js';
import { clients } from './subjects/clients.js';
import { interceptedClients } from './subjects/intercepted-clients.js';
import { interceptionFor } from './subjects/interception.js';
import { netlink } from './subjects/netlink.js';
import { withoutFtrace } from './subjects/without-ftrace.js';

const DEFAULT_ROUNDS = 20;

const USAGE = `usage: npm run test:kernel-tree -- DIR [--rounds N] [--config FILE] [--make VARIABLE=VALUE]...

  DIR                    the source tree of a kernel; the build goes to DIR.build
  --rounds N             how often interception is switched and mpu.ko loaded under load, an even number (default: ${DEFAULT_ROUNDS})
  --config FILE          further CONFIG_ lines, which go before those of test/guest/harness/tree.config
  --make VARIABLE=VALUE  for the kernel's make, such as LLVM=-16
`;

interface Request {
  tree: string;
  rounds: number;
  config: string | undefined;
  make: string[];
}

function usage(why: string): never {
  process.stderr.write(`${why}\n\n${USAGE}`);
  process.exit(ExitCode.usage);
}

function readRequest(): Request {
  const { values, positionals } = parseCommandLine();
  const { rounds: count = String(DEFAULT_ROUNDS), config, make = [] } = values;
  const [tree, ...others] = positionals;
  const rounds = Number(count);
  if (tree === undefined) usage('no source tree is named');
  if (others.length > 0) usage(`one source tree at a time, without ${others.join(' ')}`);
  if (!Number.isInteger(rounds) || rounds < 2 || rounds % 2 !== 0) usage(`--rounds ${count}: not an even number`);
  const odd = make.find((variable) => !/^\w+=/.test(variable));
  if (odd !== undefined) usage(`--make ${odd}: not VARIABLE=VALUE`);
  return { tree, rounds, config, make };
}

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        rounds: { type: 'string' },
        config: { type: 'string' },
        make: { type: 'string', multiple: true },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

const say = (line: string): void => {
  process.stdout.write(`# ${line}\n`);
};

async function build({ tree, config, make }: Request): Promise<TreeKernel> {
  try {
    if (config !== undefined) await stat(config);
    const kernel = await kernelOfTree(tree, { config, make, onProgress: say });
    say(`Linux ${kernel.release}: ${kernel.headers}`);
    if (kernel.refused.length > 0) say(`not in this tree, or not together: ${kernel.refused.join(', ')}`);
    return kernel;
  } catch (error) {
    const [what, next] = error instanceof MpuError ? [error.message, `\n  next: ${error.next}`] : [String(error), ''];
    process.stderr.write(`error: ${what}${next}\n`);
    process.exit(error instanceof MpuError ? error.exitCode : ExitCode.failed);
  }
}

// tap gives up after half a minute unless told otherwise; a kernel takes long to build.
t.setTimeout(0);
const request = readRequest();
const kernel = await build(request);
/** Whether ftrace can redirect functions in it. */
const redirects = ['CONFIG_DYNAMIC_FTRACE_WITH_REGS', 'CONFIG_DYNAMIC_FTRACE_WITH_ARGS'].some((name) =>
  kernel.config.has(name),
);

const withFtrace = [interceptionFor(request.rounds), interceptedClients('some')];

await t.test(`Linux ${kernel.release}, ${request.rounds} rounds`, { timeout: 0 }, (t) =>
  checkKernel(t, kernel, [netlink, ...(redirects ? withFtrace : [withoutFtrace]), clients]),
);
