import { expect, it } from 'vitest'
import { diagnosisStale } from '../../src/messages/answers/refused.ts'
import { type StaleDiagnosis, whyStale } from '../../src/model/stale-diagnosis.ts'

const seenAt = new Date('2026-01-05T10:00:00Z')
const minutesLater = (minutes: number) => new Date(seenAt.getTime() + minutes * 60_000)
const diagnosis = { number: 7, createdAt: seenAt, finishedAt: seenAt }
const changed = { number: 8, kind: 'deploy', startedAt: seenAt, hasEffects: true } as const

it.each<[string, StaleDiagnosis, Parameters<typeof whyStale>, string]>([
  [
    'that a fix acts on',
    { reason: 'acted_on', by: 9 },
    [{ ...diagnosis, fixedBy: 9 }, [changed], minutesLater(99)],
    'Run #9 is already fixing this.',
  ],
  [
    'that is older than half an hour',
    { reason: 'old', minutes: 31 },
    [diagnosis, [changed], minutesLater(31)],
    'This diagnosis is 31 min old.',
  ],
  [
    'after which a run changed something',
    { reason: 'changed_since', by: 8 },
    [diagnosis, [changed], minutesLater(1)],
    'Run #8 has changed production since.',
  ],
])('a diagnosis %s is no ground to act on, and says so', (_, stale, given, text) => {
  expect(whyStale(...given)).toEqual(stale)
  expect(diagnosisStale('production', stale).text).toBe(
    `${text} Nothing changed.\nPress Diagnose again and use its fix.`,
  )
})

it.each([
  ['an earlier run', { ...changed, number: 6 }],
  ['a run that only looked', { ...changed, kind: 'verify' as const }],
  ['a run that has not begun', { ...changed, startedAt: undefined }],
  ['a run that changed nothing', { ...changed, hasEffects: false }],
])('a diagnosis is not made stale by %s', (_, other) => {
  expect(whyStale(diagnosis, [other], minutesLater(30))).toBeUndefined()
})
