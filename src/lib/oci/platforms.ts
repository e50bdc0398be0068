// SPDX-License-Identifier: GPL-2.0-only
/** Every platform of an image: its manifest, or the members of its index, and of indexes in that. */
import { MpuError } from '../errors.js';
import { isDescriptor, isIndex, isManifest, omit, redirect, type Descriptor } from './descriptor.js';
import type { JsonObject } from '../system/json.js';
import { foreignType, isAttestation } from './image.js';
import type { ImageStore } from './image-store.js';

/** Far above any real nesting. */
const MAX_DEPTH = 8;

/** A platform that there is no library for; in an index of many it is left alone. */
export class UnsupportedPlatform extends MpuError {
  constructor(
    readonly platform: string,
    image: string,
    verb: string,
  ) {
    super({
      code: 'platform-unsupported',
      what: `cannot ${verb} ${image}`,
      why: `it is for ${platform}; the library exists for linux/amd64 and linux/arm64`,
      next: 'use the image for linux/amd64 or linux/arm64',
    });
  }
}

/** What became of the image of one platform. */
export interface EditedPlatform {
  platform: string;
  /** The new image; undefined when there is nothing to change. */
  descriptor: Descriptor | undefined;
  /** Bytes of the layer that was added. */
  sizeAdded: number;
}

/** What became of all platforms. */
export interface EditedPlatforms {
  /** The new manifest or index; undefined when there is nothing to change. */
  descriptor: Descriptor | undefined;
  platforms: string[];
  /** Platforms that were left alone. */
  skipped: string[];
  sizeAdded: number;
}

/** How the images of an index, and the index itself, are edited. */
export interface PlatformEditor {
  /** Verb for errors, e.g. `inject into`. */
  verb: string;
  /** Edits one image; rejects with {@link UnsupportedPlatform} to leave it alone. */
  editImage(descriptor: Descriptor): Promise<EditedPlatform>;
  /** Adds the index `descriptor` with these members, some of which were edited, in the place of its own. */
  addIndex(descriptor: Descriptor, index: JsonObject, members: readonly Descriptor[]): Promise<Descriptor>;
}

/** `OS/ARCHITECTURE[/VARIANT]` of a member of an index. */
function platformName({ platform }: Descriptor): string {
  const { os = 'unknown', architecture = 'unknown', variant } = platform ?? {};
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** An index and its members. */
export async function readIndex(
  store: ImageStore,
  descriptor: Descriptor,
): Promise<{ index: JsonObject; members: Descriptor[] }> {
  const index = await store.readJson(descriptor);
  const members: unknown = index.manifests;
  if (!Array.isArray(members) || !members.every(isDescriptor)) {
    throw store.invalid(`the index ${descriptor.digest} has no list of manifests`);
  }
  return { index, members };
}

/** What a member of an index that is left alone is called, and why; undefined for one that is not. */
export async function leftAlone(
  store: ImageStore,
  member: Descriptor,
): Promise<{ name: string; why: string } | undefined> {
  const isNamed = isIndex(member) || isManifest(member);
  if (isNamed && !(await store.has(member))) return { name: platformName(member), why: 'not there' };
  const type = await foreignType(store, member);
  return type === undefined ? undefined : { name: type, why: 'no container image' };
}

async function editMembers(
  store: ImageStore,
  descriptor: Descriptor,
  editor: PlatformEditor,
  depth: number,
): Promise<EditedPlatforms> {
  if (!isIndex(descriptor)) {
    try {
      const { platform, ...edited } = await editor.editImage(descriptor);
      return { ...edited, platforms: [platform], skipped: [] };
    } catch (error) {
      if (!(error instanceof UnsupportedPlatform) || depth === 0) throw error;
      return { descriptor: undefined, platforms: [], skipped: [error.platform], sizeAdded: 0 };
    }
  }
  if (depth > MAX_DEPTH) throw store.invalid(`the index ${descriptor.digest} lies in too many others`);
  const { index, members } = await readIndex(store, descriptor);
  const result: EditedPlatforms = { descriptor: undefined, platforms: [], skipped: [], sizeAdded: 0 };
  const kept: Descriptor[] = [];
  let isChanged = false;
  for (const member of members) {
    // Attestations name the manifests they are about by digest: none is about the new ones.
    if (isAttestation(member)) continue;
    const left = await leftAlone(store, member);
    if (left !== undefined) {
      result.skipped.push(`${left.name} (${left.why})`);
      kept.push(member);
      continue;
    }
    const edited = await editMembers(store, member, editor, depth + 1);
    result.platforms.push(...edited.platforms);
    result.skipped.push(...edited.skipped);
    result.sizeAdded += edited.sizeAdded;
    isChanged ||= edited.descriptor !== undefined;
    kept.push(edited.descriptor ?? member);
  }
  if (!isChanged) return result;
  return { ...result, descriptor: redirect(descriptor, await editor.addIndex(descriptor, index, kept)) };
}

/** Bytes of an index with other members and annotations. */
export function indexBytes(
  index: JsonObject,
  members: readonly Descriptor[],
  annotations: Record<string, string>,
): Buffer {
  const isBare = Object.keys(annotations).length === 0;
  const edited = { ...index, manifests: members };
  return Buffer.from(JSON.stringify(isBare ? omit<unknown>(edited, 'annotations') : { ...edited, annotations }));
}

/**
 * Edits every platform of the store's image. Platforms that the editor cannot do, or that are not in the
 * store, are left alone; rejects when there is no other.
 */
export async function editPlatforms(store: ImageStore, editor: PlatformEditor): Promise<EditedPlatforms> {
  const edited = await editMembers(store, store.descriptor, editor, 0);
  if (edited.platforms.length > 0) return edited;
  throw new UnsupportedPlatform(edited.skipped.join(', ') || 'no platform', store.name, editor.verb);
}
