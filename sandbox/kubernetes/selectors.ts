import type { KubeEvent, KubeObject, Pod } from './objects.ts'
import type { Resource } from './resources.ts'
import { badRequest } from './status.ts'

export type Matches = (object: KubeObject) => boolean

/** `a=b,c!=d,e in (x,y),f notin (z),g,!h` */
export function labelSelector(text: string): Matches {
  const tests = splitOutsideParentheses(text)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(requirement)
  return (object) => tests.every((test) => test(object.metadata.labels ?? {}))
}

type LabelTest = (labels: Record<string, string>) => boolean

function requirement(text: string): LabelTest {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (labels) => values.includes(labels[key] ?? '\u0000') === (operator === 'in')
  }
  const equality = /^([^\s!=]+)\s*(==|=|!=)\s*(\S*)$/.exec(text)
  if (equality) {
    const [, key = '', operator, value = ''] = equality
    return (labels) => (labels[key] === value) === (operator !== '!=')
  }
  if (/^!\s*\S+$/.test(text)) return (labels) => labels[text.slice(1).trim()] === undefined
  if (/^\S+$/.test(text)) return (labels) => labels[text] !== undefined
  const found = text.split(/\s+/)[1] ?? ''
  throw badRequest(`unable to parse requirement: found '${found}', expected: in, notin, =, ==, !=, gt, lt`)
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/)
}

export function matchesLabels(object: KubeObject, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => object.metadata.labels?.[key] === value)
}

type Field = (object: KubeObject) => string

const everyKind: Record<string, Field> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
}
const byKind: Record<string, Record<string, Field>> = {
  Pod: {
    'spec.nodeName': (object) => (object as Pod).spec.nodeName ?? '',
    'spec.restartPolicy': (object) => (object as Pod).spec.restartPolicy ?? '',
    'status.phase': (object) => (object as Pod).status.phase,
  },
  Event: {
    ...Object.fromEntries(
      (['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const).map((field) => [
        `involvedObject.${field}`,
        (object: KubeObject) => (object as KubeEvent).involvedObject[field] ?? '',
      ]),
    ),
    reason: (object) => (object as KubeEvent).reason,
    type: (object) => (object as KubeEvent).type,
  },
  Secret: { type: (object) => String(object.type) },
  Job: { 'status.successful': (object) => String((object.status as { succeeded?: number })?.succeeded ?? 0) },
}

export function fieldSelector(text: string, resource: Resource): Matches {
  const fields = { ...everyKind, ...byKind[resource.kind] }
  const tests = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [, name = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(part) ?? []
      const field = fields[name]
      if (field === undefined && resource.kind === 'Job')
        throw badRequest(`field label "${name}" not supported for Job`)
      if (field === undefined)
        throw badRequest(
          `"${name}" is not a known field selector: only ${Object.keys(everyKind)
            .map((known) => `"${known}"`)
            .join(', ')}`,
        )
      return (object: KubeObject) => (field(object) === value) === (operator !== '!=')
    })
  return (object) => tests.every((test) => test(object))
}
