import type { ApiObject } from '../api/objects.ts'
import type { KubernetesObject } from '../manifests/port.ts'

/** What can stand in a quoted word of a shell as it is. Others choose the names of managers. */
const harmless = /^[\w.@/: -]+$/

/**
 * Writes the command by which a person takes a field manager's name from the record of an object. It stops changing
 * nothing when the record is no longer as it was read.
 */
export function givingUp(
  before: ApiObject | undefined,
  manager: string,
  { namespace, manifest }: { readonly namespace: string; readonly manifest: KubernetesObject },
): { readonly giveUp?: string } {
  const entries = (before?.metadata.managedFields ?? []).flatMap((entry, index) =>
    entry.manager === manager ? [index] : [],
  )
  const { kind, metadata } = manifest
  if (entries.length === 0 || ![manager, namespace, kind, metadata.name].every((word) => harmless.test(word))) return {}
  // The last entry goes first, as each removal moves those behind it.
  const operations = entries.toReversed().flatMap((index) => [
    { op: 'test', path: `/metadata/managedFields/${index}/manager`, value: manager },
    { op: 'remove', path: `/metadata/managedFields/${index}` },
  ])
  const object = `${kind.toLowerCase()} ${metadata.name}`
  return { giveUp: `kubectl -n ${namespace} patch ${object} --type=json -p='${JSON.stringify(operations)}'` }
}
