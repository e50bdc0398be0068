// SPDX-License-Identifier: GPL-2.0-only
/** kernel/netlink/mpu.yaml as an object. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '#mpu/lib/package/root.js';

export interface Definition {
  type: 'const' | 'enum' | 'flags';
  name: string;
  value?: number;
  'value-start'?: number;
  entries?: { name: string; value?: number }[];
}
export interface Attribute {
  name: string;
  type: string;
  value: number;
  enum?: string;
  'nested-attributes'?: string;
  checks?: { 'max-len'?: number };
}
/** A set whose attributes are those of another, with checks of their own. */
export interface Subset {
  name: string;
  'subset-of': string;
  attributes: { name: string; checks?: { min?: number; max?: number } }[];
}
export interface AttributeSet {
  name: string;
  'name-prefix': string;
  attributes: Attribute[];
}
export interface Operation {
  name: string;
  value: number;
  'attribute-set': string;
  do: { request?: { attributes: string[] }; reply?: { attributes: string[] } };
}
export interface Spec {
  name: string;
  definitions: Definition[];
  /** Those of `attribute-sets` that are complete. */
  sets: AttributeSet[];
  /** Those that are subsets. */
  subsets: Subset[];
  operations: { 'name-prefix': string; list: Operation[] };
}

/** Reads it by the system's Python, not one of the user's that may lack the module. */
export async function readSpec(): Promise<Spec> {
  const program = 'import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)';
  const path = join(packageRoot, 'kernel', 'netlink', 'mpu.yaml');
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', program, path]);
  const document = JSON.parse(stdout) as Omit<Spec, 'sets' | 'subsets'> & {
    'attribute-sets': (AttributeSet | Subset)[];
  };
  const all = document['attribute-sets'];
  return {
    ...document,
    sets: all.filter((set): set is AttributeSet => !('subset-of' in set)),
    subsets: all.filter((set): set is Subset => 'subset-of' in set),
  };
}

/** The attribute of a set with that number. */
export function attributeOf(spec: Spec, set: string, value: number): Attribute | undefined {
  return spec.sets.find(({ name }) => name === set)?.attributes.find((attribute) => attribute.value === value);
}
