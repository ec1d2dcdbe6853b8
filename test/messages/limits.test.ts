import fc from 'fast-check'
import { describe, it } from 'vitest'
import { grammar } from '../../src/commands/grammar.ts'
import * as answers from '../../src/messages/answers/answers.ts'
import { boardMessage } from '../../src/messages/board/board.ts'
import { detailsView, rollbackView } from '../../src/messages/dialogs/dialogs.ts'
import { restoreView } from '../../src/messages/dialogs/restore.ts'
import { threadMessage } from '../../src/messages/thread/thread.ts'
import { isRestorePlan } from '../../src/model/run.ts'
import { arbitraryPost, arbitraryRun, arbitraryUndo } from './arbitrary-run.ts'
import { alex, backups, examples, now, watched } from './example-runs.ts'
import { pictures } from './pictures.ts'
import { expectSlackTakes, expectSlackTakesView } from './slack-takes.ts'

const runs = { numRuns: 150 }
const text = fc.string({ unit: 'grapheme', maxLength: 5000 })
const view = fc.record({
  now: fc.constant(now),
  rollbackUntil: fc.constantFrom(undefined, new Date(now.getTime() + 3_600_000)),
  onCall: fc.constantFrom(undefined, 'S01ONCALL', '+49 30 1234'),
  approvers: fc.array(fc.constantFrom('U01DANA00', 'S01APPROVERS'), { maxLength: 40 }),
  pace: fc.constantFrom({}, { migrate: 42_000, monitor: 1_800_000 }),
  decisions: fc.array(
    fc.record({ kind: fc.constantFrom('cancel', 'retry', 'leave'), by: fc.constant(alex), at: fc.constant(now) }),
  ),
})

describe('Slack takes every message, and it keeps the size budget', () => {
  it.each(Object.entries(examples))('the board of a run: %s', (_, run) => {
    expectSlackTakes(
      boardMessage(run, { now, rollbackUntil: undefined, onCall: 'S01ONCALL', approvers: ['S01APPROVERS'] }),
    )
  })

  it.each(pictures.map((picture) => [picture.name, picture] as const))('as in the gallery: %s', (_, picture) => {
    if (picture.kind !== 'message') return expectSlackTakesView(picture.view)
    const { withoutCharts, ...message } = picture.message
    expectSlackTakes(message)
    if (withoutCharts !== undefined) expectSlackTakes({ text: message.text, blocks: withoutCharts })
  })

  it('the board of any run', () => {
    fc.assert(
      fc.property(arbitraryRun, view, (run, seen) => expectSlackTakes(boardMessage(run, seen))),
      runs,
    )
  })

  it('any post in the thread of any run', () => {
    fc.assert(
      fc.property(arbitraryPost, arbitraryRun, fc.boolean(), (post, run, charted) => {
        const { withoutCharts, ...message } = threadMessage(post, run, charted ? { watched } : {})
        expectSlackTakes(message)
        if (withoutCharts !== undefined) expectSlackTakes({ text: message.text, blocks: withoutCharts })
      }),
      runs,
    )
  })

  it('the dialogs of any run', () => {
    fc.assert(
      fc.property(arbitraryRun, arbitraryUndo, (run, undo) => {
        expectSlackTakesView(rollbackView(run, undo, 'ticket', now))
        expectSlackTakesView(detailsView(run))
        if (!isRestorePlan(run.plan)) return
        const backup = { ...backups[0], file: run.plan.backup.file, untried: run.plan.backup.sha256 }
        const price = { environment: 'production', backup, approvals: 2, tables: run.plan.tables, now }
        expectSlackTakesView(restoreView(price, 'ticket'))
      }),
      runs,
    )
  })

  it('the private answers about any runs', () => {
    const some = fc.array(arbitraryRun, { maxLength: 40 })
    const event = fc.record({ at: fc.constant(now), actor: fc.constantFrom('U01DANA00', 'purser'), kind: text, text })
    fc.assert(
      fc.property(some, fc.array(event, { maxLength: 80 }), text, (all, events, typed) => {
        expectSlackTakes(answers.statusMessage(all, now, ['production']))
        expectSlackTakes(answers.historyMessage(all, now, ['production']))
        const [run] = all
        if (run !== undefined) expectSlackTakes(answers.runHistoryMessage(run, events))
        expectSlackTakes(answers.refusal(typed, typed))
        expectSlackTakes(answers.unknownCommand(typed, undefined, 'help'))
      }),
      { numRuns: 40 },
    )
    expectSlackTakes(answers.help(grammar))
  })
})
