import type { Block, KnownBlock } from '@slack/types'
import type { KeptBackup } from '../../model/backup.ts'
import type { RestorePlan } from '../../model/restore-plan.ts'
import { nameOf, type RestoredRelease } from '../../model/restored-release.ts'
import { counted, duration, sizeOf } from '../../text.ts'
import { differences, proofOf, uncounted } from '../blocks/backup-words.ts'
import { list } from '../blocks/list.ts'
import { code, paragraph, words } from '../blocks/message.ts'
import type { Chapter } from './chapter.ts'
import { leadsToChapters } from './plan-text.ts'

/** Says everything that the plan of a restore does, risks first. */
export function restoreChapters(plan: RestorePlan): readonly Chapter[] {
  const { backup } = plan
  const lines = differences(plan.tables)
  return [
    { title: 'Risks', lines: plan.risks },
    {
      title: 'Backup',
      lines: [
        `${backup.file} of run #${backup.run}, created ${backup.finishedAt}, ${sizeOf(backup.bytes)}, ${backup.by === 'command' ? 'made by command' : `sha256 ${backup.sha256.slice(0, 12)}`}`,
        proofOf(tried(backup), plan.inPlace === undefined ? 'swap' : 'in-place'),
      ],
    },
    {
      title: 'Rows now and in the backup',
      lines: backup.by === 'command' ? [uncounted] : lines.length === 0 ? ['row counts are unchanged'] : lines,
    },
    ...releaseChapters(plan.release),
    ...(plan.inPlace === undefined ? swapChapters(plan) : inPlaceChapters(plan, plan.inPlace)),
    ...leadsToChapters(plan.identities),
  ]
}

/** Says which version runs afterwards, and why. */
function releaseChapters(release: RestorePlan['release']): readonly Chapter[] {
  if (release === undefined) return []
  const fits = release.doubts === undefined ? 'It runs on the restored schema.' : 'Some of it may fail, see the risks.'
  const why = release.after === 'running' ? [fits] : release.because
  const asked = release.after === 'kept' ? [`kept as asked for: ${release.reason}`] : []
  return [{ title: 'Runs afterwards', lines: [runsAfterwards(release), ...asked, ...why] }]
}

function andRelease(release: RestorePlan['release']): readonly string[] {
  return release?.after === 'former' ? [`bring ${nameOf(release.running)} back within the same downtime`] : []
}

function runsAfterwards(release: RestoredRelease): string {
  const { running } = release
  if (release.after === 'running') return `${nameOf(running)}, as now`
  if (release.after === 'kept') return `${nameOf(running)}, although it might not fit`
  return `${nameOf(release.earlier)}, which ran when the backup was made, instead of ${nameOf(running)}`
}

/** Words what is the same whichever way the content came back. */
function comesBack(plan: RestorePlan): readonly string[] {
  const { release } = plan
  return [
    ...(release?.after === 'former' ? release.undo.steps.map(({ line }) => line) : []),
    `${plan.deployment.name} is started again with ${counted(plan.deployment.replicas, 'replica')}, the CronJobs are resumed`,
    eventsLine(plan),
    'the checks of before are made again: what passed has to pass',
  ]
}

function eventsLine({ events, release }: RestorePlan): string {
  if (release?.after === 'former' && release.noEvents !== undefined)
    return `Stripe events since the backup are not re-sent: ${release.noEvents}`
  if (release?.after === 'kept' && release.unfit)
    return `Stripe events since the backup are held back, as ${nameOf(release.running)} can't process them`
  return `Stripe events since the backup are re-sent to the service${events === undefined ? '' : ` (${events})`}`
}

function stops(plan: RestorePlan): string {
  return `CronJobs are suspended (${plan.cronJobs.join(', ') || 'none'}), their Jobs end, ${plan.deployment.name} is scaled to 0`
}

function inPlaceChapters(
  plan: RestorePlan,
  { why, downtimeMs }: NonNullable<RestorePlan['inPlace']>,
): readonly Chapter[] {
  const { backup, database } = plan
  const long =
    downtimeMs === undefined
      ? 'duration unknown: the backup was never restore-tested'
      : `about ${duration(downtimeMs)} or more, as measured when the backup was made`
  return [
    {
      title: 'What happens',
      ordered: true,
      lines: [
        `in place, because databases can't be swapped (${why}): ${backup.file} is verified once more`,
        `${stops(plan)}: the downtime begins (${long})`,
        `the current data of ${database.live} is dumped, for a rollback`,
        `it is emptied, filled from the backup and compared with its snapshot in one transaction: all or nothing`,
        ...comesBack(plan),
      ],
    },
    {
      title: 'Rolling back would',
      lines: [`stop the service again and restore the dump of ${database.live}`, ...andRelease(plan.release)],
    },
  ]
}

function swapChapters(plan: RestorePlan): readonly Chapter[] {
  const { backup, database } = plan
  const filled =
    backup.by === 'command'
      ? `${database.restored} is created empty beside ${database.live}, and filled by the restore command: no downtime yet. Its rows can't be compared, because nobody counted them`
      : `${database.restored} is created and filled beside ${database.live}, and compared with the backup's snapshot: no downtime yet`
  return [
    {
      title: 'What happens',
      ordered: true,
      lines: [
        filled,
        stops(plan),
        `${database.live} becomes ${database.kept} and ${database.restored} becomes ${database.live}, in one transaction`,
        ...comesBack(plan),
      ],
    },
    {
      title: 'Rolling back would',
      lines: [`stop the service again and put ${database.kept} back as ${database.live}`, ...andRelease(plan.release)],
    },
  ]
}

/** Shows while people decide what is lost, how long the service is down, and the way back. */
export function restoreSummary(plan: RestorePlan): readonly (KnownBlock | Block)[] {
  const { backup, database, inPlace } = plan
  const down =
    inPlace === undefined
      ? 'short, while two names are swapped and the pods restart'
      : `${inPlace.downtimeMs === undefined ? 'long, duration unknown' : `about ${duration(inPlace.downtimeMs)} or more`}, in place (${words(inPlace.why, 200)})`
  const back =
    inPlace === undefined
      ? `the current data is kept as ${code(database.kept)}`
      : 'the current data is dumped first, and restored the same way'
  return [
    ...list(counted(plan.risks.length, 'risk'), plan.risks, {
      line: 250,
      cap: { lines: 10, chars: 2000, rest: 'in the thread' },
    }),
    paragraph(
      [
        ...(plan.release === undefined ? [] : [`*Runs afterwards:* ${words(runsAfterwards(plan.release), 300)}`]),
        `*Downtime:* ${down}`,
        `*Rollback:* possible: ${back}`,
        `*Backup:* ${code(backup.file)} of run *#${backup.run}*. ${proofOf(tried(backup), inPlace === undefined ? 'swap' : 'in-place')}`,
      ].join('\n'),
    ),
  ]
}

function tried({ by, proof, restoreMs }: RestorePlan['backup']): Pick<KeptBackup, 'by' | 'proof' | 'restoreMs'> {
  return {
    ...(by === undefined ? {} : { by }),
    ...(typeof proof === 'string' ? { proof } : {}),
    ...(restoreMs === undefined ? {} : { restoreMs }),
  }
}
