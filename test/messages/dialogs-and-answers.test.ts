import type { RichTextBlock } from '@slack/types'
import { describe, expect, it } from 'vitest'
import { viewIds } from '../../src/messages/board/actions.ts'
import { grammar } from '../../src/commands/grammar.ts'
import * as answers from '../../src/messages/answers/answers.ts'
import { detailsView, rejectView, rollbackRefusedView, rollbackView } from '../../src/messages/dialogs/dialogs.ts'
import { restoreView } from '../../src/messages/dialogs/restore.ts'
import * as example from './example-runs.ts'
import * as state from './example-states.ts'
import { expectSlackTakes, expectSlackTakesView, shown } from './slack-takes.ts'

const { now } = example

function isRichText(block: { type: string }): block is RichTextBlock {
  return block.type === 'rich_text'
}

describe('the rollback dialog', () => {
  it('lists exactly what is undone, in order, and what stays, and asks why', () => {
    const view = rollbackView(example.failed, example.undo, 'ticket', now)
    expectSlackTakesView(view)
    const seen = shown(view.blocks)
    const places = example.undo.steps.map((step) => seen.indexOf(step.line))
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(places[0]).toBeGreaterThan(0)
    expect(seen).toContain('The schema is not rolled back')
    const order = ['Production will run v1.1.0', 'Stays:', 'Rolling back will:', 'Why?', 'Pod changes']
    const parts = order.map((part) => seen.indexOf(part))
    expect(parts).not.toContain(-1)
    expect(parts).toEqual(parts.toSorted((a, b) => a - b))
    expect(view).toMatchObject({
      close: { text: 'Cancel' },
      callback_id: viewIds.rollback,
      private_metadata: 'ticket',
      submit: { text: 'Roll back' },
    })
    expect(view.blocks).toContainEqual(
      expect.objectContaining({
        block_id: 'reason',
        optional: true,
        element: expect.objectContaining({ action_id: 'reason' }) as unknown,
      }),
    )
  })

  it('numbers a list that takes several blocks to its end', () => {
    const steps = Array.from({ length: 80 }, (_, index) => ({
      effect: index,
      covers: [index],
      kind: 'cronjob' as const,
      target: 'x',
      line: `step ${index} ${'x'.repeat(200)}`,
    }))
    const view = rollbackView(example.failed, { ...example.undo, steps }, '', now)
    expectSlackTakesView(view)
    const lists = view.blocks.flatMap((block) => (isRichText(block) ? block.elements : []))
    const offsets = lists
      .filter((it) => it.type === 'rich_text_list' && it.style === 'ordered')
      .map((it) => ('offset' in it ? it.offset : 0))
    expect(offsets.length).toBeGreaterThan(2)
    expect(offsets[1]).toBe(13)
    expect(shown(view.blocks)).toContain('step 79')
  })

  it('names what will run by its version and a short digest', () => {
    const seen = shown(rollbackView(example.failed, example.undo, 'ticket', now).blocks)
    expect(seen).toContain('*Production will run v1.1.0* instead of v1.2.0 (revision 7, created 3d ago, was healthy)')
    expect(seen).toContain('WEBHOOK_RETRIES')
    expect(seen).not.toMatch(/sha256:[0-9a-f]{13}/)
  })

  it('offers nothing to confirm when it is refused, and says what could be done', () => {
    const view = rollbackRefusedView(example.failed, state.otherRevision, now)
    expectSlackTakesView(view)
    expect(view.submit).toBeUndefined()
    const seen = shown(view.blocks)
    expect(seen).toContain('Revision 6 never became healthy.')
    expect(seen).toContain('revision 7: v1.1.0')
  })

  it('cannot be submitted when nothing is left to undo', () => {
    const view = rollbackView(example.failed, { ...example.undo, steps: [] }, '', now)
    expectSlackTakesView(view)
    expect(view.submit).toBeUndefined()
    expect(shown(view.blocks)).toContain('Nothing to undo: run #42 left no changes.')
  })
})

it('the restore dialog says first what is lost, then the downtime and the way back, and last wants the name typed', () => {
  const backup = example.backups[0]
  const { tables } = example.restorePlan
  const price = { environment: 'production', backup, approvals: 2, tables, strategy: { kind: 'swap' } as const, now }
  const view = restoreView(price, 'ticket')
  expectSlackTakesView(view)
  expect(view).toMatchObject({ submit: { text: 'Request restore' }, close: { text: 'Cancel' } })
  const seen = shown(view.blocks)
  const order = [
    '*You will lose everything written to production since the backup (12m ago).*',
    '212 more now',
    '*Downtime:* short',
    '*Way back:*',
    'Restore-tested: 8s, before the downtime.',
    'Type production to confirm',
    'Nothing happens yet. 2 other people must approve the plan.',
  ]
  const places = order.map((part) => seen.indexOf(part))
  expect(places).not.toContain(-1)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

it('the reject dialog asks why, without insisting', () => {
  const view = rejectView(example.waiting, 'metadata')
  expectSlackTakesView(view)
  expect(view).toMatchObject({ callback_id: viewIds.reject, submit: { text: 'Reject' }, close: { text: 'Cancel' } })
  expect(shown(view.blocks)).toContain('*v1.1.0 → v1.2.0 on production* ends here. Nothing changes')
  expect(view.blocks).toContainEqual(expect.objectContaining({ block_id: 'reason', optional: true }))
})

it('the details tell the plan in full and how each phase stands', () => {
  const seen = shown(detailsView(example.executing).blocks)
  expect(seen).toContain('Apply database migrations: succeeded, 1m (budget 10 min)')
  expect(seen).toContain('Deploy application code: running')
  expect(seen).toContain(example.plan.commit.sha)
  expect(seen).toContain('event_37')
})

it('dialogs keep the limits of a view when everything is as long as it can be', () => {
  expectSlackTakesView(detailsView(example.largest))
  expectSlackTakesView(detailsView({ ...example.largest, kind: 'rollback', plan: example.largestUndo }))
  expectSlackTakesView(rollbackView(example.largest, example.largestUndo, '', now))
})

describe('private answers', () => {
  it('help shows every command, and every option of each with what it is for', () => {
    const answer = answers.help(grammar)
    expectSlackTakes(answer)
    for (const { usage, does, words } of grammar) {
      const line = answer.text.split('\n').find((line) => line.startsWith(`\`${usage}\` – ${does}`))
      expect(line).toBeDefined()
      for (const { label, does } of words.filter(({ label }) => label.startsWith('--')))
        expect(line).toContain(`\`${label}\` ${does}`)
    }
  })

  it('a wrong command is answered with the nearest right one', () => {
    const answer = answers.unknownCommand('deplyo <!here>', 'deploy', '/billing deploy VERSION [ENV]')
    expectSlackTakes(answer)
    expect(answer.text).toContain('Unknown command `deplyo &lt;!here&gt;`. Did you mean `deploy`?')
    expect(answer.text).toContain('Usage: `/billing deploy VERSION [ENV]`')
  })

  it('status tells where each run stands', () => {
    const { text } = answers.statusMessage([example.executing, example.failed], now, ['production'])
    expect(text).toContain('running, 3 of 7 (deploy application code, 2 of 3 pods updated), 12m so far')
    expect(text).toContain('failed at deploy application code (3 of 7)')
    expect(answers.statusMessage([], now, ['production', 'staging']).text).toContain(
      'Nothing running or waiting in production or staging.',
    )
  })

  it('history tells when and how a run ended, and everything that happened in one', () => {
    expect(answers.historyMessage([example.succeeded], now, ['production']).text).toContain('succeeded in 11m, 1m ago')
    const events = [{ at: now, actor: 'U01DANA00', kind: 'asked', text: 'asked for a deploy' }]
    expect(shown(answers.runHistoryMessage(example.succeeded, events).blocks)).toContain(
      '<@U01DANA00> – *asked*: asked for a deploy',
    )
  })

  it('a history that is too long keeps the newest events and counts the others', () => {
    const events = Array.from({ length: 400 }, (_, index) => ({
      at: now,
      actor: 'purser',
      kind: 'x',
      text: `event ${index}`,
    }))
    const seen = shown(answers.runHistoryMessage(example.succeeded, events).blocks)
    expect(seen).toContain('event 399')
    expect(seen).toMatch(/… \d+ earlier events not shown/)
  })
})
