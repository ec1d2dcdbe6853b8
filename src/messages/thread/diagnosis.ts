import type { Block, Button, KnownBlock } from '@slack/types'
import { type Cause, type DiagnosePlan, type Finding, offeredRemedies, type Remedy } from '../../model/diagnosis.ts'
import { isDiagnosePlan, isFixPlan, type Run } from '../../model/run.ts'
import { verdictWords } from './checks.ts'
import { type ButtonLook, code, codeBlock, context, paragraph, paragraphs, words } from '../blocks/message.ts'
import { counted } from '../../text.ts'

type Blocks = readonly (KnownBlock | Block)[]

/** The most looks that are shown with what proves them; the thread has that of the others. */
const mostShown = 4
const evidenceLines = 5
const evidenceChars = 450
const mostFindings = 40

/** Words in plain text what is diagnosed: "webhook", "CronJob webhook-retry", "CronJobs", "grace periods". */
export function aboutWords({ subject, cronJob }: DiagnosePlan): string {
  switch (subject) {
    case 'webhook':
      return 'webhook'
    case 'cronjob':
      return cronJob === undefined ? 'CronJobs' : `CronJob ${cronJob}`
    case 'grace-period':
      return 'grace periods'
  }
}

/** Returns the command that looks again. */
function diagnoseCommand({ subject, cronJob }: DiagnosePlan, environment: string): string {
  return ['/billing diagnose', subject, ...(cronJob === undefined ? [] : [cronJob]), environment].join(' ')
}

/** Words what a remedy does, in lower case and plain: "resume CronJob webhook-retry". */
export function remedyWords(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'resume_cronjob':
      return `resume CronJob ${remedy.target}`
    case 'run_cronjob':
      return `run CronJob ${remedy.target} once by hand`
    case 'enable_endpoint':
      return `enable Stripe endpoint ${remedy.target}`
    case 'resend_events':
      return 'send missed events again'
    case 'deploy':
      return 'deploy the current version again'
  }
}

/** Words, beside the subject, what came of it. */
export function diagnosisWords(run: Run): string {
  const { causes = [], findings = [] } = run.diagnosis ?? {}
  if (run.diagnosis === undefined) return 'finished'
  if (causes.length > 0) return causes.length === 1 ? 'cause found' : `${causes.length} causes found`
  const blind = findings.filter((finding) => finding.verdict === 'unknown').length
  return blind === 0 ? 'no cause found' : `no cause found, ${blind} of ${findings.length} looks unknown`
}

/** Words in mrkdwn the cause, what to do, and what else was found. */
export function diagnosisLines(run: Run): readonly string[] {
  const { causes = [], findings = [] } = run.diagnosis ?? {}
  const [first, ...others] = causes
  const blind = findings.filter((finding) => finding.verdict === 'unknown').length
  const unseen =
    blind === 0 ? [] : [`${counted(blind, 'look')} of ${findings.length} brought no answer and may hide something.`]
  const acted =
    run.fixedBy === undefined ? [] : [`Run *#${run.fixedBy}* acts on this; its board tells what came of it.`]
  if (first === undefined) {
    const all =
      blind === 0
        ? `all ${findings.length} looks are as they should be, or tell nothing against it`
        : 'nothing that was seen is a cause'
    return [`*No cause found*: ${all}.`, ...unseen, ...acted]
  }
  return [
    `*Most likely cause:* ${words(first.sentence, 500)}`,
    `*Next:* ${words(first.next, 400)}`,
    ...others.slice(0, 4).map((cause: Cause) => `*Also:* ${words(cause.sentence, 300)}`),
    ...unseen,
    ...acted,
  ]
}

/** Shows what has to be looked at first, with what proves it; then the rest in one line each. */
export function findingBlocks(run: Run): Blocks {
  const findings = run.diagnosis?.findings ?? []
  const wanting = findings.filter((finding) => finding.verdict !== 'pass').toSorted((a, b) => weight(b) - weight(a))
  const shown = wanting.slice(0, mostShown)
  const rest = [...wanting.slice(mostShown), ...findings.filter((finding) => finding.verdict === 'pass')]
  const evidence = (finding: Finding): Blocks => {
    const lines = telling(finding.evidence).filter((line) => !finding.seen.includes(line))
    return lines.length === 0 ? [] : [codeBlock(lines.join('\n'), evidenceChars)]
  }
  return [
    ...shown.flatMap((finding) => [paragraph(findingLine(finding)), ...evidence(finding)]),
    ...(rest.length === 0 ? [] : paragraphs(rest.slice(0, mostFindings).map((finding) => findingLine(finding, 120)))),
    ...(rest.length > mostFindings ? [context(`… and ${rest.length - mostFindings} more`)] : []),
  ]
}

/** Keeps short evidence as it is; of long evidence it keeps what names an error, then the end. */
function telling(evidence: readonly string[]): readonly string[] {
  if (evidence.length <= evidenceLines) return evidence
  const first = evidence.filter((line) => /error|fatal|refus|denied|fail/i.test(line)).slice(0, evidenceLines - 2)
  return [...first, ...evidence.slice(first.length - evidenceLines).filter((line) => !first.includes(line))]
}

/** Words a finding in mrkdwn: "✗ failed – *CronJob*: suspended, …". */
function findingLine(finding: Finding, most = 260): string {
  return `${verdictWords(finding.verdict)} – *${words(finding.title, 80)}:* ${words(finding.seen, most) || '–'}`
}

function weight({ verdict }: Finding): number {
  return { fail: 3, unknown: 2, warn: 1, pass: 0 }[verdict]
}

/** Lists what may be done about it, as long as nobody has; the deploy only opens its dialog. */
export function remedyButtons(run: Run, make: (remedy: Remedy, text: string, look: ButtonLook) => Button): Button[] {
  if (run.diagnosis === undefined || run.status !== 'succeeded' || run.fixedBy !== undefined) return []
  return offeredRemedies(run.diagnosis).map((remedy, index) => {
    const primary: ButtonLook = index === 0 && (run.diagnosis?.causes.length ?? 0) > 0 ? { style: 'primary' } : {}
    const { label, confirm } = asks(remedy, run.environment)
    return make(remedy, label, { ...primary, ...(confirm === undefined ? {} : { confirm }) })
  })
}

function asks(remedy: Remedy, environment: string): { readonly label: string } & Pick<ButtonLook, 'confirm'> {
  const deny = 'Leave it'
  switch (remedy.kind) {
    case 'resume_cronjob':
      return {
        label: 'Resume it',
        confirm: {
          title: `Resume ${remedy.target}?`,
          text: `CronJob ${remedy.target} in ${environment} starts again at its next time. Somebody may have had a reason to suspend it.`,
          verb: 'Resume',
          deny,
        },
      }
    case 'run_cronjob':
      return {
        label: 'Run it now',
        confirm: {
          title: `Run ${remedy.target} now?`,
          text: `One Job is made from CronJob ${remedy.target} in ${environment}, beside its schedule. It does what the CronJob does.`,
          verb: 'Run it',
          deny,
        },
      }
    case 'enable_endpoint':
      return {
        label: 'Enable endpoint',
        confirm: {
          title: 'Enable the endpoint?',
          text: `Stripe delivers to ${environment} again at once. What happened meanwhile is not sent by itself: the diagnosis that follows offers it.`,
          verb: 'Enable',
          deny,
        },
      }
    case 'resend_events':
      return {
        label: 'Send missed events',
        confirm: {
          title: 'Send missed events again?',
          text: `Purser posts the events that the service in ${environment} lacks, signed as by Stripe. Those that it has are only acknowledged.`,
          verb: 'Send them',
          deny,
        },
      }
    case 'deploy':
      return { label: 'Deploy again …' }
  }
}

/** Returns the `plan` of a diagnosis, also of the one that ends a fix. */
export function aboutOf(run: Run): DiagnosePlan | undefined {
  if (isDiagnosePlan(run.plan)) return run.plan
  return isFixPlan(run.plan) ? run.plan.diagnose : undefined
}

/** Words in mrkdwn which diagnosis a fix came from. */
export function fixOf(run: Run): readonly string[] {
  if (!isFixPlan(run.plan)) return []
  const from = run.parent === undefined ? '' : ` Proposed by run *#${run.parent}*.`
  const again = aboutOf(run)
  const then = again === undefined ? '' : ` Then ${code(diagnoseCommand(again, run.environment), 120)} looks again.`
  return [`${words(remedyWords(run.plan.remedy), 200)}.${from}${then}`.replace(/^./, (letter) => letter.toUpperCase())]
}
