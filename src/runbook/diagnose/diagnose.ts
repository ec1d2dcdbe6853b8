import type { Cause, DiagnosePlan, Diagnosis, Remedy } from '../../model/diagnosis.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { cronJobCauses, cronJobFindings } from './cronjob.ts'
import { cronJobFacts } from './cronjob-facts.ts'
import { gracePeriodCauses, gracePeriodFindings } from './grace-period.ts'
import { gracePeriodFacts } from './grace-period-facts.ts'
import { lookingWithin } from './seen.ts'
import { webhookCauses } from './webhook-causes.ts'
import { webhookFindings } from './webhook.ts'
import { webhookFacts } from './webhook-facts.ts'

/**
 * Troubleshooting: makes every look of the section side by side and names the most likely cause. It changes nothing.
 */
export const diagnose: Phase = async (context) => {
  const { plan } = context.run
  const about = plan?.kind === 'fix' ? plan.diagnose : plan
  if (about?.kind !== 'diagnose') throw new Error(`run #${context.run.number} does not say what to diagnose`)
  await context.report('looking')
  const diagnosis = await diagnosisOf(context, about)
  for (const look of diagnosis.findings)
    if (look.verdict !== 'pass' && look.evidence.length > 0)
      await context.tell({ kind: 'output', title: look.title, lines: look.evidence }, `evidence-${look.name}`)
  return { line: lineOf(diagnosis), diagnosis }
}

async function diagnosisOf(context: PhaseContext, { subject, cronJob }: DiagnosePlan): Promise<Diagnosis> {
  const looking = lookingWithin(context, context.service.diagnose.timeoutSeconds)
  const at = new Date().toISOString()
  switch (subject) {
    case 'webhook': {
      const facts = await webhookFacts(looking)
      return { at, findings: webhookFindings(facts), causes: webhookCauses(facts), remedies: [] }
    }
    case 'cronjob': {
      const names = cronJob === undefined ? context.service.cronJobs.map(({ name }) => name) : [cronJob]
      const all = await Promise.all(names.map((name) => cronJobFacts(looking, name)))
      return {
        at,
        findings: all.flatMap((facts) => cronJobFindings(facts, names.length > 1)),
        causes: gravestFirst(all.map(cronJobCauses)),
        remedies: runByHand(all.flatMap(({ name, found }) => (found.ok && found.value !== undefined ? [name] : []))),
      }
    }
    case 'grace-period': {
      const facts = await gracePeriodFacts(looking)
      return { at, findings: gracePeriodFindings(facts), causes: gracePeriodCauses(facts), remedies: [] }
    }
  }
}

/** Merges the causes of several CronJobs: the first cause of each comes before the second cause of any. */
function gravestFirst(lists: readonly (readonly Cause[])[]): readonly Cause[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, place) => lists.flatMap((list) => list[place] ?? [])).flat()
}

/** Offers the runbook's last line of "CronJob Not Running"; with several CronJobs a button would not say which one. */
function runByHand(names: readonly string[]): readonly Remedy[] {
  const [name] = names
  return name === undefined || names.length > 1 ? [] : [{ kind: 'run_cronjob', target: name }]
}

function lineOf({ findings, causes }: Diagnosis): string {
  const [cause] = causes
  if (cause !== undefined) return cause.sentence
  const unknown = findings.filter((finding) => finding.verdict === 'unknown').length
  return unknown === 0 ? 'no cause found' : `no cause found, ${unknown} of ${findings.length} checks didn't answer`
}
