import type { Block, Button, KnownBlock } from '@slack/types'
import { type Cause, type DiagnosePlan, type Finding, offeredRemedies, type Remedy } from '../../model/diagnosis.ts'
import { isDiagnosePlan, isFixPlan, type Run } from '../../model/run.ts'
import { signedVerdict } from './checks.ts'
import { type ButtonLook, code, codeBlock, context, paragraph, paragraphs, words } from '../blocks/message.ts'
import { counted } from '../../text.ts'

type Blocks = readonly (KnownBlock | Block)[]

/** The most checks that are shown with what proves them; the thread has that of the others. */
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

/** Returns the command that diagnoses again. */
function diagnoseCommand({ subject, cronJob }: DiagnosePlan, environment: string): string {
  return ['/billing diagnose', subject, ...(cronJob === undefined ? [] : [cronJob]), environment].join(' ')
}

/** Words what a remedy does, in lower case and plain: "resume CronJob webhook-retry". */
export function remedyWords(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'resume_cronjob':
      return `resume CronJob ${remedy.target}`
    case 'run_cronjob':
      return `run CronJob ${remedy.target} once`
    case 'enable_endpoint':
      return `enable Stripe endpoint ${remedy.target}`
    case 'resend_events':
      return 're-send missed events'
    case 'deploy':
      return 'redeploy the current version'
  }
}

/** Words, beside the subject, what came of it. */
export function diagnosisWords(run: Run): string {
  const { causes = [], findings = [] } = run.diagnosis ?? {}
  if (run.diagnosis === undefined) return 'finished'
  if (causes.length > 0) return causes.length === 1 ? 'cause found' : `${causes.length} causes found`
  const blind = findings.filter((finding) => finding.verdict === 'unknown').length
  return blind === 0 ? 'no cause found' : `no cause found, ${blind} of ${findings.length} couldn't be checked`
}

/** Words in mrkdwn the cause, what to do, and what else was found. */
export function diagnosisLines(run: Run): readonly string[] {
  const { causes = [], findings = [] } = run.diagnosis ?? {}
  const [first, ...others] = causes
  const blind = findings.filter((finding) => finding.verdict === 'unknown').length
  const unseen =
    blind === 0 ? [] : [`${blind} of ${counted(findings.length, 'check')} didn't answer. The cause may be there.`]
  const acted = run.fixedBy === undefined ? [] : [`Being fixed in run *#${run.fixedBy}*: see its board.`]
  if (first === undefined) {
    const clean = findings.every((finding) => finding.verdict === 'pass')
    const all = clean
      ? `All ${counted(findings.length, 'check')} passed.`
      : 'None of the checks that answered shows a cause.'
    return [`*No cause found.* ${all}`, ...unseen, ...acted]
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
  return `${words(signedVerdict(finding.verdict))} – *${words(finding.title, 80)}:* ${words(finding.seen, most) || '–'}`
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
  const deny = 'Cancel'
  switch (remedy.kind) {
    case 'resume_cronjob':
      return {
        label: 'Resume CronJob',
        confirm: {
          title: `Resume ${remedy.target}?`,
          text: `CronJob ${remedy.target} in ${environment} runs again on schedule. Check why it was suspended first.`,
          verb: 'Resume',
          deny,
        },
      }
    case 'run_cronjob':
      return {
        label: 'Run CronJob now',
        confirm: {
          title: `Run ${remedy.target} now?`,
          text: `Starts one Job of CronJob ${remedy.target} in ${environment}, in addition to its schedule.`,
          verb: 'Run now',
          deny,
        },
      }
    case 'enable_endpoint':
      return {
        label: 'Enable endpoint',
        confirm: {
          title: 'Enable the endpoint?',
          text: `Stripe delivers to ${environment} again right away. Events missed until now are not sent by that: the diagnosis that follows offers them.`,
          verb: 'Enable',
          deny,
        },
      }
    case 'resend_events':
      return {
        label: 'Re-send missed events',
        confirm: {
          title: 'Re-send missed events?',
          text:
            remedy.byStripe === true
              ? `Stripe sends the events again that the service in ${environment} missed. Duplicates are ignored.`
              : `Purser sends the events that the service in ${environment} missed, signed like Stripe's. Duplicates are ignored.`,
          verb: 'Re-send',
          deny,
        },
      }
    case 'deploy':
      return { label: 'Redeploy…' }
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
  const then = again === undefined ? '' : ` Then ${code(diagnoseCommand(again, run.environment), 120)} checks again.`
  return [`${words(remedyWords(run.plan.remedy), 200)}.${from}${then}`.replace(/^./, (letter) => letter.toUpperCase())]
}
