import { fieldManager } from '../api/field-manager.ts'
import { type ApiObject, isMap } from '../api/objects.ts'
import { differences } from '../api/differences.ts'
import type { KubernetesObject } from '../manifests/port.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * Lists fields that a former `kubectl apply` set and that the manifest lacks, by the copy that kubectl keeps of what it
 * applied. Those that are gone already, and those that Purser has set itself and will remove, are left out.
 */
export function leftOver(before: ApiObject, manifest: KubernetesObject): readonly string[] {
  const former = parsed(before.metadata.annotations?.[lastApplied])
  if (former === undefined) return []
  const removed = removedBetween(former.spec, manifest['spec'])
  const gone = new Set(removedBetween(former.spec, isMap(before) ? before.spec : undefined))
  const ours = JSON.stringify((before.metadata.managedFields ?? []).filter(({ manager }) => manager === fieldManager))
  return removed.filter((field) => !gone.has(field) && !ours.includes(lastSegment(field)))
}

function removedBetween(former: unknown, now: unknown): readonly string[] {
  return differences({ spec: former }, { spec: now }).flatMap((line) => /^(.*?): removed \(was /.exec(line)?.[1] ?? [])
}

/** The last segment as the record of managers writes it: `f:startingDeadlineSeconds`, or the name of a list's entry. */
function lastSegment(field: string): string {
  const entry = /\[([^\]]*)\]$/.exec(field)?.[1]
  return entry === undefined ? `"f:${field.slice(field.lastIndexOf('.') + 1)}"` : `\\"${entry}\\"`
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isMap(value) ? value : undefined
  } catch {
    return undefined
  }
}
