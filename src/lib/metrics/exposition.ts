// SPDX-License-Identifier: GPL-2.0-only
/** Prometheus' text format, version 0.0.4. */

/** One value of a metric; `labels` tell it from the others. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** A metric: names as Prometheus asks for them, with unit and, for counters, `_total` at the end. */
export interface MetricFamily {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  samples: Sample[];
}

/** Of the text that {@link formatMetrics} makes. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function formatSample(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

/** The families as text; one without samples is left out. */
export function formatMetrics(families: readonly MetricFamily[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${escapeHelp(help)}`,
        `# TYPE ${name} ${type}`,
        ...samples.map((sample) => formatSample(name, sample)),
        '',
      ].join('\n'),
    )
    .join('');
}
