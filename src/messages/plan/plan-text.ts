import type { CurrentRelease, DeployPlan, PlannedCronJob, PlannedMigration } from '../../model/deploy-plan.ts'
import { type Identities, identityKeys, identityNames } from '../../model/identities.ts'
import type { UndoPlan } from '../../model/undo-plan.ts'
import { changesChapters } from './changes.ts'
import type { Chapter } from './chapter.ts'
import { rollbackTargetChapters } from './rollback-target.ts'
import { code, words } from '../blocks/message.ts'
import { counted, minutes } from '../../text.ts'

/** Shortens a digest to "sha256:0123456789ab"; undefined when the reference names none. */
function shortDigest(reference: string): string | undefined {
  const digest = /sha256:[0-9a-f]{12}/.exec(reference)
  return digest?.[0]
}

function shortSha(sha: string): string {
  return sha.slice(0, 7)
}

/**
 * Words the change in mrkdwn, so that it is true before the build and after it: "*v1.1.0* (`sha256:…`) → *v1.2.0*
 * (`d4e5f6a`, `sha256:…`)".
 */
export function fromTo(plan: DeployPlan): string {
  const digest = shortDigest(plan.image.digest ?? '')
  const image =
    typeof plan.image.build === 'object' ? ['Purser builds the image'] : digest === undefined ? [] : [code(digest)]
  return `${fromWords(plan.current)} → *${words(plan.version, 60)}* (${[code(shortSha(plan.commit.sha)), ...image].join(', ')})`
}

function fromWords(current: CurrentRelease): string {
  const digest = shortDigest(current.image)
  if (current.version === undefined) return code(digest ?? current.image)
  return `*${words(current.version, 60)}*${digest === undefined ? '' : ` (${code(digest)})`}`
}

const findingsInLine = 10

export function migrationLine(migration: PlannedMigration): string {
  const flags = migration.findings.slice(0, findingsInLine).map((finding) => {
    const weight = finding.severity === 'block' ? 'flagged' : 'worth knowing'
    const more = finding.more === undefined ? '' : ` and ${finding.more} more`
    return `${weight}: ${finding.message} (${finding.rule}, line ${finding.line}${more})`
  })
  const left = migration.findings.length - flags.length
  return [migration.file, ...flags, ...(left === 0 ? [] : [`and ${counted(left, 'more finding')}`])].join(' – ')
}

/** Says that nothing was found only where everything was read, and how much that was. */
export function noRisks({ read }: DeployPlan): string {
  if (read === undefined) return 'No risks noted; not everything was read'
  if (read.files === 0) return 'No risks found (no migrations to read)'
  return `No risks found (${counted(read.statements, 'statement')} in ${counted(read.files, 'file')} read)`
}

export function stripeLine(stripe: DeployPlan['stripe']): string {
  const events = counted(stripe.events.length, 'event')
  switch (stripe.action) {
    case 'create':
      return `the endpoint will be created with ${events}`
    case 'replace':
      return `the endpoint will be replaced by a new one with ${events}${whyReplaced(stripe.why)}`
    case 'update':
      return `the endpoint's events change: ${stripe.added.length} added, ${stripe.removed.length} removed, ${events} then`
    case 'enable':
      return `the endpoint will be enabled with ${events}`
    case 'keep':
      return `the endpoint stays as it is, with ${events}`
  }
}

function whyReplaced(why: DeployPlan['stripe']['why']): string {
  if (why === 'asked') return ', for another signing secret'
  return why === 'api version' ? ', for its API version' : ''
}

function versionLine({ apiVersion }: DeployPlan['stripe']): readonly string[] {
  if (apiVersion === undefined) return []
  const { stands, wanted } = apiVersion
  const now = stands ?? "the account's default"
  return [now === wanted ? `API version ${now}` : `API version ${now} now, ${wanted} then`]
}

/** Words what is done to the endpoint in a few words, which are true before it is done and after. */
export function stripeInShort({ action, events, added, removed }: DeployPlan['stripe']): string {
  switch (action) {
    case 'create':
      return `new Stripe endpoint with ${counted(events.length, 'event')}`
    case 'replace':
      return `Stripe endpoint replaced, ${counted(events.length, 'event')}`
    case 'update':
      return `Stripe events: ${added.length} added, ${removed.length} removed`
    case 'enable':
      return 'Stripe endpoint enabled'
    case 'keep':
      return 'Stripe endpoint unchanged'
  }
}

export function secretLine(secret: DeployPlan['stripe']['secret']): string {
  switch (secret) {
    case 'missing':
      return 'the signing secret is not in the cluster yet'
    case 'present':
      return 'the signing secret is in the cluster'
    case 'mismatch':
      return "the signing secret in the cluster is not this endpoint's"
  }
}

export function cronJobLine(job: PlannedCronJob): string {
  const schedule = `${job.schedule}${job.suspended === true ? ', suspended by its manifest' : ''}`
  switch (job.outcome) {
    case 'created':
      return `${job.name} (${schedule}) is new`
    case 'changed':
      return `${job.name} (${schedule}) changes: ${job.differences.join('; ')}`
    case 'unchanged':
      return `${job.name} (${schedule}) stays as it is`
  }
}

export function estimate(plan: DeployPlan): string {
  return `${minutes(plan.estimateMinutes)} + ${minutes(plan.monitorMinutes)} of monitoring`
}

/** Says everything that the plan does, risks first. */
export function planChapters(plan: DeployPlan): readonly Chapter[] {
  const { stripe } = plan
  return [
    { title: 'Risks', lines: plan.risks.length === 0 ? [noRisks(plan)] : plan.risks },
    {
      title: 'Version',
      lines: [
        `now: ${plan.current.version ?? 'unknown version'}, image ${plan.current.image}, ` +
          `revision ${plan.current.revision}, ${counted(plan.current.replicas, 'replica')}`,
        `then: ${plan.version}, commit ${plan.commit.sha} (${plan.commit.subject})`,
        ...imageLines(plan),
      ],
    },
    ...changesChapters(plan.changes),
    {
      title: `Migrations (${plan.migrations.length} pending)`,
      lines: plan.migrations.length === 0 ? ['none'] : plan.migrations.map(migrationLine),
    },
    { title: 'Cluster', lines: plan.cluster.length === 0 ? ['no difference'] : plan.cluster, verbatim: true },
    {
      title: 'Stripe',
      lines: [
        stripeLine(stripe),
        ...(stripe.endpoint === undefined ? [] : [`endpoint ${stripe.endpoint}`]),
        secretLine(stripe.secret),
        ...cleanupLines(stripe),
        ...versionLine(stripe),
        ...(stripe.added.length === stripe.events.length ? [] : names('added', stripe.added)),
        ...names('removed', stripe.removed),
        ...names('all', stripe.events),
      ],
    },
    { title: 'CronJobs', lines: plan.cronJobs.length === 0 ? ['none'] : plan.cronJobs.map(cronJobLine) },
    {
      title: 'A rollback would, in this order',
      lines: plan.rollback.length === 0 ? ['undo nothing'] : plan.rollback,
      ordered: plan.rollback.length > 0,
    },
    ...leadsToChapters(plan.identities),
    { title: 'Estimate', lines: [estimate(plan)] },
  ]
}

/** What was found behind the names and addresses; a plan of an earlier version does not tell. */
export function leadsToChapters(identities: Identities | undefined): readonly Chapter[] {
  if (identities === undefined) return []
  const lines = identityKeys.map((key) => {
    const { id, address } = identities[key]
    const told = id === undefined ? [address] : id.includes(address) ? [id] : [id, address]
    return `${identityNames[key]}: ${told.join(', ')}`
  })
  return [{ title: 'Where it goes', lines }]
}

/** Words the image, so that it is true before the build and after it: a plan is read at any time. */
function imageLines({ image, commit }: DeployPlan): readonly string[] {
  const { reference, build } = image
  if (typeof build === 'object') {
    const commands = build.commands.map((argv) => `“${argv.join(' ')}”`).join(', then ')
    return [
      `image ${reference}, which Purser builds from ${shortSha(commit.sha)} at the end of pre-flight: ${commands}`,
      'its digest is known once it is pushed: the registry is asked for it, and exactly that image is rolled out',
    ]
  }
  const platforms = image.platforms.join(', ') || 'an unknown platform'
  return [`image ${reference} for ${platforms}${madeBy(build)}`]
}

function madeBy(build: 'none' | 'reused' | undefined): string {
  if (build === 'none') return ', pushed beforehand (CI): Purser builds none'
  return build === 'reused' ? ', which is in the registry already, built from this commit: nothing is built' : ''
}

const namesInLine = 15

/**
 * Lists names, a line for each family, as in "invoice: created, paid"; a long one takes several, so that none is cut
 * through.
 */
function names(title: string, all: readonly string[]): readonly string[] {
  const families = new Map<string, string[]>()
  for (const name of all) {
    const dot = name.lastIndexOf('.')
    const family = dot < 0 ? '' : name.slice(0, dot)
    families.set(family, [...(families.get(family) ?? []), name.slice(dot + 1)])
  }
  const lines = [...families].flatMap(([family, members]) =>
    Array.from({ length: Math.ceil(members.length / namesInLine) }, (_, at) => {
      const some = members.slice(at * namesInLine, (at + 1) * namesInLine).join(', ')
      return family === '' ? some : `${family}: ${some}`
    }),
  )
  return lines.map((line, index) => (index === 0 ? `${title} (${all.length}) – ${line}` : line))
}

export function undoChapters(plan: UndoPlan): readonly Chapter[] {
  return [
    {
      title: `Undone, in this order (run #${plan.run})`,
      lines: plan.steps.length === 0 ? ['nothing'] : plan.steps.map((step) => step.line),
      ordered: plan.steps.length > 0,
    },
    ...rollbackTargetChapters(plan.rollbackTarget),
    { title: 'What stays', lines: plan.stays.length === 0 ? ['nothing'] : plan.stays },
  ]
}

/** Lists what is switched off, removed or shortened beside the endpoint that will serve: whoever approves sees all of it. */
function cleanupLines({
  endsOverlap,
  tidies = [],
  retires = [],
  removes = [],
  restarts = [],
}: DeployPlan['stripe']): readonly string[] {
  return [
    ...(endsOverlap === true ? ['an earlier rotation ends: the service is told the new signing secret only'] : []),
    ...tidies.map((what) => `the Secret's value is written anew, because ${what}`),
    ...retires.map((id) => `endpoint ${id} is disabled once the new one serves`),
    ...removes.map((what) => `${what} is deleted: nothing needs it any more`),
    ...restarts.map((name) => `Deployment ${name} is restarted, because it reads the Secret at its start`),
  ]
}
