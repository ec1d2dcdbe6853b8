import { z } from 'zod'
import { mostCharacters, type ReadDocuments } from '../../config/yaml-text.ts'
import { CheckFailed } from '../errors.ts'

const Container = z.looseObject({ name: z.string(), image: z.string() })
export type Container = z.infer<typeof Container>

/** The parts that Purser reads or changes; the cluster judges the rest. */
const CronJobYaml = z.looseObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('CronJob'),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  spec: z.looseObject({
    schedule: z.string(),
    suspend: z.boolean().optional(),
    concurrencyPolicy: z.string().optional(),
    jobTemplate: z.looseObject({
      spec: z.looseObject({
        template: z.looseObject({
          spec: z.looseObject({ containers: z.array(Container).min(1), initContainers: z.array(Container).optional() }),
        }),
      }),
    }),
  }),
})

interface Wanted {
  readonly file: string
  readonly name: string
  readonly namespace: string
}

interface ManifestFile {
  readonly cronJob: z.infer<typeof CronJobYaml>
  /** Everything else in the file, each by kind and name: it is not applied. */
  readonly others: readonly string[]
}

/** Any object of a manifest, as far as it has to be told from another one. */
interface Identified {
  readonly apiVersion: unknown
  readonly kind: unknown
  readonly name: unknown
  readonly value: unknown
}

/** Finds the CronJob in a manifest file, which may hold several documents and lists, as kubectl reads it. */
export function readManifest(text: string, yaml: ReadDocuments, wanted: Wanted): ManifestFile {
  // What is too long to be read is not searched either.
  const template = text.length > mostCharacters ? undefined : templateLine(text)
  if (template !== undefined) throw isTemplate(wanted, template)
  if (!yaml.ok && text.length > mostCharacters)
    throw unfit(wanted, `reading ${wanted.file}: it is too long for a manifest`, yaml.problems)
  if (!yaml.ok) {
    const braces = lineWith(text, /\{\{/)
    if (braces !== undefined) throw isTemplate(wanted, { line: braces, of: 'a template' })
    throw unfit(wanted, `reading ${wanted.file}: it isn't YAML that kubectl reads`, yaml.problems)
  }
  const objects = yaml.documents.flatMap(({ value }) => flattened(withoutNulls(value)))
  const [found, twin] = objects.filter(({ kind, name }) => kind === 'CronJob' && name === wanted.name)
  if (found === undefined) throw unfit(wanted, `reading ${wanted.file}: ${instead(wanted, objects)}`, [])
  if (twin !== undefined) throw unfit(wanted, `reading ${wanted.file}: CronJob ${wanted.name} is there twice`, [])
  requireVersion(wanted, found)
  const read = CronJobYaml.safeParse(found.value)
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw unfit(wanted, `reading ${wanted.file}: CronJob ${wanted.name} is not as the API wants it`, problems)
  }
  requireNamespace(wanted, read.data.metadata.namespace)
  requireFilledIn(wanted, read.data)
  return { cronJob: read.data, others: objects.filter((one) => one !== found).map(called) }
}

/** Takes lists apart, as kubectl does: `kind: List`, and lists of one kind, whose entries may leave kind and version out. */
function flattened(value: unknown, inherited: { apiVersion?: unknown; kind?: unknown } = {}): readonly Identified[] {
  if (!isMap(value)) return [{ apiVersion: undefined, kind: undefined, name: undefined, value }]
  const { apiVersion = inherited.apiVersion, kind = inherited.kind, items, metadata } = value
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    const typed = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) }
    return items.flatMap((item: unknown) => flattened(item, typed))
  }
  const name = isMap(metadata) ? metadata['name'] : undefined
  return [{ apiVersion, kind, name, value: { ...value, apiVersion, kind } }]
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** To the API a field without a value is one that is not there: generators write `creationTimestamp: null`. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isMap(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}

function called({ kind, name }: Identified): string {
  if (typeof kind !== 'string') return 'something without a kind'
  return typeof name === 'string' ? `${kind} ${name}` : `${kind} without a name`
}

function instead({ name }: Wanted, objects: readonly Identified[]): string {
  if (objects.length === 0) return `it is empty, expected CronJob ${name}`
  return `expected the CronJob ${name}, and it has ${objects.map(called).join(', ')}`
}

function requireVersion(wanted: Wanted, { apiVersion }: Identified): void {
  if (apiVersion === 'batch/v1') return
  const what = typeof apiVersion === 'string' ? apiVersion : 'no apiVersion'
  const old = what === 'batch/v1beta1' || what === 'batch/v2alpha1'
  throw unfit(
    wanted,
    `reading ${wanted.file}: CronJob ${wanted.name} has ${what}: use batch/v1`,
    old ? [`${what} was removed in Kubernetes 1.25. Use batch/v1, which has the same fields`] : [],
    'Write apiVersion: batch/v1 into the manifest, and tag a new version.',
  )
}

/** Refuses as kubectl does: whoever wrote another namespace down may have meant another place. */
function requireNamespace(wanted: Wanted, namespace: string | undefined): void {
  if (namespace === undefined || namespace === wanted.namespace) return
  throw unfit(
    wanted,
    `reading ${wanted.file}: the namespace from the manifest, ${namespace}, does not match the namespace ${wanted.namespace} of the environment`,
    [],
    'Remove the namespace from the manifest, and tag a new version: it is applied to the namespace of the environment.',
  )
}

/** What only a template says, outside of comments: Helm's, Jinja's, ytt's. */
const templates: readonly (readonly [RegExp, string])[] = [
  [
    /\{\{-?\s*(?:\(\s*)?(?:[.$](?:Values|Release|Chart|Capabilities|Files|Template)\b|(?:include|template|tpl|toYaml|range|if|else|with|end|define|default|required|printf|quote|lookup|fail)\b)/,
    'a Helm template ({{ }})',
  ],
  [/\{%-?\s*(?:if|for|set|block|include|endif|endfor|raw)\b/, 'a Jinja template ({% %})'],
  [/^#@ |^\s+#@ /, 'a ytt template (#@)'],
]

interface Template {
  readonly line: number
  readonly of: string
}

function templateLine(text: string): Template | undefined {
  for (const [pattern, of] of templates) {
    const line = lineWith(text, pattern)
    if (line !== undefined) return { line, of }
  }
  return undefined
}

/** The first line that has it; a comment counts only for what is written as one. */
function lineWith(text: string, pattern: RegExp): number | undefined {
  const at = text
    .split('\n')
    .findIndex((line) => pattern.test(line) && (!/^\s*#/.test(line) || pattern.source.includes('#@')))
  return at < 0 ? undefined : at + 1
}

/** A word that was to be filled in before: valid YAML, and never what was meant. */
function requireFilledIn(wanted: Wanted, { spec }: z.infer<typeof CronJobYaml>): void {
  const { containers, initContainers = [] } = spec.jobTemplate.spec.template.spec
  const words = [spec.schedule, ...[...containers, ...initContainers].flatMap(({ name, image }) => [name, image])]
  const left = words.find((word) => /\$\{|\$\(|\{\{|\}\}|<%/.test(word))
  if (left === undefined) return
  throw unfit(
    wanted,
    `reading ${wanted.file}: it is a template, ${left} is still to be filled in`,
    [],
    'Put the rendered manifest into the repository, or write the word itself: Purser sets the image of the release.',
  )
}

function isTemplate(wanted: Wanted, { line, of }: Template): CheckFailed {
  return unfit(
    wanted,
    `reading ${wanted.file}: it is ${of}, line ${line}, and no manifest`,
    [],
    `Put the rendered manifest into the repository (helm template … > FILE), and name that file in service.cronJobs.`,
  )
}

function unfit(
  { name }: Wanted,
  message: string,
  evidence: readonly string[],
  hint = `Correct the manifest of ${name} and tag a new version, or correct service.cronJobs in purser.yaml.`,
): CheckFailed {
  return new CheckFailed('bad_manifest', message, { hint, evidence })
}
