import type {
  CurrentRelease,
  DeployPlan,
  LintFinding,
  PlannedCronJob,
  PlannedMigration,
} from '../../model/deploy-plan.ts'
import { type Identities, identityKeys, identityNames } from '../../model/identities.ts'
import { subscriptionSize } from '../../model/subscription.ts'
import type { UndoPlan } from '../../model/undo-plan.ts'
import { backupChapters } from './backup.ts'
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
    typeof plan.image.build === 'object' ? ['image built by Purser'] : digest === undefined ? [] : [code(digest)]
  return `${fromWords(plan.current)} → *${words(plan.version, 60)}* (${[code(shortSha(plan.commit.sha)), ...image].join(', ')})`
}

function fromWords(current: CurrentRelease): string {
  const digest = shortDigest(current.image)
  if (current.version === undefined) return code(digest ?? current.image)
  return `*${words(current.version, 60)}*${digest === undefined ? '' : ` (${code(digest)})`}`
}

const findingsInLine = 10

function migrationLine(migration: PlannedMigration): string {
  const kinds = oncePerRule(migration.findings)
  const flags = kinds.slice(0, findingsInLine).map(({ finding, places }) => {
    const weight = finding.severity === 'block' ? 'risk' : 'note'
    return `${weight}: ${finding.message} (${finding.rule}, ${places})`
  })
  const left = kinds.length - flags.length
  return [migration.file, ...flags, ...(left === 0 ? [] : [counted(left, 'more note')])].join(' – ')
}

/** Tells the same finding once, with every line that has it. */
function oncePerRule(findings: readonly LintFinding[]): readonly { finding: LintFinding; places: string }[] {
  const key = ({ severity, rule, message }: LintFinding) => [severity, rule, message].join('\n')
  const kinds = new Map(findings.map((finding) => [key(finding), finding]))
  return [...kinds].map(([name, finding]) => {
    const same = findings.filter((one) => key(one) === name)
    const more = same.reduce((sum, one) => sum + (one.more ?? 0), 0)
    const lines = same.map(({ line }) => line).join(', ')
    return {
      finding,
      places: `${same.length === 1 ? 'line' : 'lines'} ${lines}${more === 0 ? '' : ` and ${more} more`}`,
    }
  })
}

/** Says that nothing was found only where everything was read, and how much that was. */
export function noRisks({ read }: DeployPlan): string {
  if (read === undefined) return 'No risks found, but not everything was read'
  if (read.files === 0) return 'No risks found (no migrations to read)'
  return `No risks found (${counted(read.statements, 'statement')} in ${counted(read.files, 'file')} read)`
}

function stripeLine(stripe: DeployPlan['stripe']): string {
  const events = subscriptionSize(stripe.events)
  switch (stripe.action) {
    case 'create':
      return `new endpoint with ${events}`
    case 'replace':
      return `new endpoint with ${events}${whyReplaced(stripe.why)}, and the old one is disabled`
    case 'update':
      return `events change: ${stripe.added.length} added, ${stripe.removed.length} removed, ${stripe.events.includes('*') ? 'all events' : `${stripe.events.length} in all`}`
    case 'enable':
      return `endpoint enabled, with ${events}`
    case 'keep':
      return `endpoint unchanged, with ${events}`
  }
}

function whyReplaced(why: DeployPlan['stripe']['why']): string {
  if (why === 'asked') return ' and a new signing secret'
  return why === 'api version' ? ' and another API version' : ''
}

function versionLine({ apiVersion }: DeployPlan['stripe']): readonly string[] {
  if (apiVersion === undefined) return []
  const { stands, wanted } = apiVersion
  const now = stands ?? "the account's default"
  return [now === wanted ? `API version ${now}` : `API version ${now} → ${wanted}`]
}

/** Words what is done to the endpoint in a few words, which are true before it is done and after. */
export function stripeInShort({ action, events, added, removed, why }: DeployPlan['stripe']): string {
  switch (action) {
    case 'create':
      return `new Stripe endpoint (${subscriptionSize(events)})`
    case 'replace':
      return why === 'asked'
        ? `new Stripe endpoint with a new signing secret (${subscriptionSize(events)})`
        : `Stripe endpoint replaced (${subscriptionSize(events)})`
    case 'update':
      return `Stripe events: ${added.length} added, ${removed.length} removed`
    case 'enable':
      return 'Stripe endpoint enabled'
    case 'keep':
      return 'Stripe endpoint unchanged'
  }
}

function secretLine(secret: DeployPlan['stripe']['secret']): string {
  switch (secret) {
    case 'missing':
      return "the endpoint's signing secret isn't in the cluster yet"
    case 'present':
      return "the endpoint's signing secret is in the cluster"
    case 'mismatch':
      return "the signing secret in the cluster isn't this endpoint's"
  }
}

function cronJobLine(job: PlannedCronJob): string {
  const schedule = `${job.schedule}${job.suspended === true ? ', suspended by its manifest' : ''}`
  switch (job.outcome) {
    case 'created':
      return `new: ${job.name} (${schedule})`
    case 'changed':
      return `changed: ${job.name} (${schedule}): ${job.differences.join('; ')}`
    case 'unchanged':
      return `unchanged: ${job.name} (${schedule})`
  }
}

export function estimate(plan: DeployPlan): string {
  return `About ${minutes(plan.estimateMinutes)}, then ${minutes(plan.monitorMinutes)} of monitoring`
}

/** Says everything that the plan does, risks first. */
export function planChapters(plan: DeployPlan): readonly Chapter[] {
  const { stripe } = plan
  return [
    { title: 'Risks', lines: plan.risks.length === 0 ? [noRisks(plan)] : plan.risks },
    {
      title: 'Version',
      lines: [
        `From ${plan.current.version ?? 'an unknown version'}: image ${plan.current.image}, ` +
          `revision ${plan.current.revision}, ${counted(plan.current.replicas, 'replica')}`,
        `To ${plan.version}: commit ${plan.commit.sha} (${plan.commit.subject})`,
        ...imageLines(plan),
      ],
    },
    ...changesChapters(plan.changes),
    ...backupChapters(plan.backup),
    {
      title: `Migrations (${plan.migrations.length} pending)`,
      lines: plan.migrations.length === 0 ? ['none'] : plan.migrations.map(migrationLine),
    },
    { title: 'Cluster', lines: plan.cluster.length === 0 ? ['no changes'] : plan.cluster, verbatim: true },
    {
      title: 'Stripe',
      lines: [
        stripeLine(stripe),
        ...(stripe.endpoint === undefined ? [] : [`endpoint ${stripe.endpoint}`]),
        secretLine(stripe.secret),
        ...cleanupLines(stripe),
        ...versionLine(stripe),
        ...(stripe.notes ?? []),
        ...(stripe.added.length === stripe.events.length ? [] : names('added', stripe.added)),
        ...names('removed', stripe.removed),
        ...names('all', stripe.events),
      ],
    },
    { title: 'CronJobs', lines: plan.cronJobs.length === 0 ? ['none'] : plan.cronJobs.map(cronJobLine) },
    {
      title: 'Rolling back would',
      lines: plan.rollback.length === 0 ? ['nothing to roll back'] : plan.rollback,
      ordered: plan.rollback.length > 0,
    },
    ...leadsToChapters(plan.identities),
    { title: 'Duration', lines: [estimate(plan)] },
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
      `image ${reference}, built by Purser from ${shortSha(commit.sha)} at the end of preflight: ${commands}`,
      'its digest is known once it is pushed, and exactly that image is rolled out',
    ]
  }
  const platforms = image.platforms.join(', ') || 'an unknown platform'
  return [`image ${reference} for ${platforms}${madeBy(build)}`]
}

function madeBy(build: 'none' | 'reused' | undefined): string {
  if (build === 'none') return ', built by CI'
  return build === 'reused' ? ', already in the registry, built from this commit: nothing is built' : ''
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
      title: `Rolling back run #${plan.run} will`,
      lines: plan.steps.length === 0 ? ['nothing to undo'] : plan.steps.map((step) => step.line),
      ordered: plan.steps.length > 0,
    },
    ...rollbackTargetChapters(plan.rollbackTarget),
    { title: 'Stays', lines: plan.stays.length === 0 ? ['nothing'] : plan.stays },
  ]
}

/** Lists what is switched off, removed or shortened beside the new endpoint: whoever approves sees all of it. */
function cleanupLines({
  endsOverlap,
  tidies = [],
  retires = [],
  removes = [],
  restarts = [],
}: DeployPlan['stripe']): readonly string[] {
  return [
    ...(endsOverlap === true
      ? ['an earlier rotation ends: from now on the service accepts only the new signing secret']
      : []),
    ...tidies.map((what) => `the Secret's value is rewritten, because ${what}`),
    ...retires.map((id) => `endpoint ${id} is disabled once the new one works`),
    ...removes.map((what) => `${what} is deleted: no longer needed`),
    ...restarts.map((name) => `Deployment ${name} is restarted, because it also reads this Secret`),
  ]
}
