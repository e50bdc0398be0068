// SPDX-License-Identifier: GPL-2.0-only
/** What mpu measures: the module's counters, and what each container uses of each GPU. */
import { pidnsPath } from '../containers/processes.js';
import { findDriver } from '../driver/driver.js';
import { MpuError, throwIfInterrupted } from '../errors.js';
import { findGpuProcesses, type GpuProcess, type GpuProcesses } from '../gpu/processes.js';
import { Host } from '../system/host.js';
import { loadedModule, type LoadedModule } from '../module/loaded-module.js';
import { isTranslator, pidnsState } from '../containers/pidns-file.js';
import { version } from '../package/version.js';
import type { MetricFamily, Sample } from './exposition.js';

const MIB = 1 << 20;

const gauge = (name: string, help: string, samples: Sample[]): MetricFamily => ({ name, type: 'gauge', help, samples });
const single = (value: number): Sample[] => [{ labels: {}, value }];
const counter = (name: string, help: string, value: number | undefined): MetricFamily => ({
  name,
  type: 'counter',
  help,
  samples: value === undefined ? [] : single(value),
});

/** What mpu.ko has counted; nothing besides whether it is loaded where it is not, or where it may not be asked. */
export function moduleMetrics({ owner, answer }: LoadedModule): MetricFamily[] {
  const counters = answer?.counters;
  const about =
    answer === undefined
      ? []
      : [{ labels: { version: answer.version, abi: String(answer.abi), interception: answer.intercept }, value: 1 }];
  return [
    gauge('mpu_module_loaded', 'Whether mpu.ko is loaded.', single(owner === 'mpu' ? 1 : 0)),
    gauge('mpu_module_info', 'The loaded mpu.ko.', about),
    counter(
      'mpu_module_requests_total',
      'Requests to translate that mpu.ko has answered since it was loaded.',
      counters?.requests,
    ),
    counter('mpu_module_pids_total', 'PIDs in those requests.', counters?.pids),
    counter(
      'mpu_module_hidden_pids_total',
      'PIDs among those that the caller may not see, or that name no process.',
      counters?.hidden,
    ),
    counter(
      'mpu_module_rewritten_total',
      'Answers of the driver that interception has put right.',
      counters?.rewritten,
    ),
    counter(
      'mpu_module_untouched_total',
      'Answers with PIDs that interception has left as they were.',
      counters?.untouched,
    ),
    gauge(
      'mpu_module_calls_in_flight',
      'Calls to the driver that interception is looking after now.',
      counters === undefined ? [] : single(counters.inFlight),
    ),
  ];
}

async function driverMetrics(): Promise<MetricFamily> {
  const driver = await findDriver();
  const labels = { release: driver?.release ?? '', flavour: driver?.flavour ?? '', regime: driver?.regime?.id ?? '' };
  return gauge(
    'mpu_driver_info',
    "NVIDIA's driver and the way in which it speaks of PIDs.",
    driver === undefined ? [] : [{ labels, value: 1 }],
  );
}

/** Labels of a process's container; empty ones for a process of the host. */
function containerLabels({ container }: GpuProcess): Record<string, string> {
  return {
    runtime: container?.runtime ?? '',
    container_id: container?.id ?? '',
    container: container?.pod?.container ?? container?.label ?? '',
    pod: container?.pod?.name ?? '',
    namespace: container?.pod?.namespace ?? '',
  };
}

/** Sums over the processes of each container on each GPU; processes of which the value is not known do not count. */
function perContainer({ processes }: GpuProcesses, valueOf: (process: GpuProcess) => number | null): Sample[] {
  const sums = new Map<string, Sample>();
  for (const each of processes) {
    const value = valueOf(each);
    if (value === null) continue;
    const labels = { gpu: String(each.gpu ?? ''), uuid: each.uuid, ...containerLabels(each) };
    const key = JSON.stringify(labels);
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}

const inBytes = (mebibytes: number | null): number | null => (mebibytes === null ? null : mebibytes * MIB);

function gpuMetrics(found: GpuProcesses | undefined): MetricFamily[] {
  const gpus = found?.gpus ?? [];
  const perGpu = (valueOf: (gpu: GpuProcesses['gpus'][number]) => number | null): Sample[] =>
    gpus.flatMap((gpu) => {
      const value = valueOf(gpu);
      return value === null ? [] : [{ labels: { gpu: String(gpu.index), uuid: gpu.uuid }, value }];
    });
  const sum = (valueOf: (process: GpuProcess) => number | null): Sample[] =>
    found === undefined ? [] : perContainer(found, valueOf);
  const ratio = (percent: number | null): number | null => (percent === null ? null : percent / 100);
  return [
    gauge('mpu_gpu_up', 'Whether nvidia-smi answers and there is a GPU.', single(found === undefined ? 0 : 1)),
    gauge(
      'mpu_gpu_memory_total_bytes',
      'Memory of a GPU.',
      perGpu(({ memoryTotal }) => inBytes(memoryTotal)),
    ),
    gauge(
      'mpu_gpu_memory_used_bytes',
      'Memory of a GPU in use, also by the driver itself.',
      perGpu(({ memoryUsed }) => inBytes(memoryUsed)),
    ),
    gauge(
      'mpu_container_gpu_processes',
      'Processes of a container, or with empty labels of the host, on a GPU.',
      sum(() => 1),
    ),
    gauge(
      'mpu_container_gpu_memory_bytes',
      'GPU memory of those processes, as far as it is known.',
      sum(({ memory }) => inBytes(memory)),
    ),
    gauge(
      'mpu_container_gpu_memory_unknown_processes',
      'Those of the processes whose memory the driver does not tell: it is missing from mpu_container_gpu_memory_bytes.',
      sum(({ memory }) => (memory === null ? 1 : 0)),
    ),
    gauge(
      'mpu_gpu_unnamed_processes',
      'Processes that nvidia-smi lists without a PID.',
      found === undefined ? [] : single(found.unnamedProcesses),
    ),
    gauge(
      'mpu_gpu_warnings',
      'Warnings that nvidia-smi printed beside its rows.',
      found === undefined ? [] : single(found.warnings.length),
    ),
    gauge(
      'mpu_container_gpu_sm_utilization_ratio',
      'Part of the time in which those processes kept the GPU busy.',
      sum(({ utilization }) => ratio(utilization.sm)),
    ),
  ];
}

/**
 * All metrics at this moment. A machine whose GPUs cannot be asked has mpu_gpu_up 0; `onProblem` is told why. Throws an
 * MpuError (interrupted) once the signal has fired.
 */
export async function collectMetrics(
  onProblem: (error: MpuError) => void,
  signal?: AbortSignal,
): Promise<MetricFamily[]> {
  const found = await findGpuProcesses({ signal }).catch((error: unknown) => {
    throwIfInterrupted(signal);
    if (!(error instanceof MpuError)) throw error;
    onProblem(error);
    return undefined;
  });
  return [
    gauge('mpu_build_info', 'This mpu.', [{ labels: { version }, value: 1 }]),
    await driverMetrics(),
    ...moduleMetrics(await loadedModule(await Host.open())),
    gauge(
      'mpu_namespace_file_ready',
      "Whether the host's PID namespace file is where containers are given it from.",
      single(isTranslator(pidnsState(pidnsPath())) ? 1 : 0),
    ),
    ...gpuMetrics(found),
  ];
}
