import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ladder, rungs } from '../../src/messages/blocks/ladder.ts'
import { boardMessage } from '../../src/messages/board/board.ts'
import { threadMessage } from '../../src/messages/thread/thread.ts'
import { arbitraryPost, arbitraryRun } from './arbitrary-run.ts'
import * as example from './example-runs.ts'
import { now, watched } from './example-runs.ts'
import { pictures } from './pictures.ts'
import { expectSlackTakes, shown } from './slack-takes.ts'

const view = { now, rollbackUntil: undefined, onCall: 'S01ONCALL', approvers: ['S01APPROVERS'] }
const types = (message: { readonly blocks?: readonly { readonly type: string }[] }) =>
  (message.blocks ?? []).map(({ type }) => type)
const newer = ['data_visualization', 'table', 'plan', 'task_card', 'card', 'markdown', 'image']

describe('the forms in which a message is offered', () => {
  it('become plainer, and Slack takes each', () => {
    for (const picture of pictures) {
      if (picture.kind !== 'message') continue
      const steps = ladder(picture.message)
      const places = steps.map(({ rung }) => rungs.indexOf(rung))
      expect(places).toEqual([...places].sort((a, b) => a - b))
      expect(steps.at(-1)?.rung).toBe('text_alone')
      for (const step of steps) expectSlackTakes(step.message)
    }
  })

  it('of any run and any post are taken as well, and every one has words', () => {
    fc.assert(
      fc.property(arbitraryPost, arbitraryRun, fc.boolean(), (post, run, charted) => {
        for (const message of [boardMessage(run, view), threadMessage(post, run, charted ? { watched } : {})])
          for (const step of ladder(message)) expectSlackTakes(step.message)
      }),
      { numRuns: 60 },
    )
  })

  it('keep the buttons to the last but one', () => {
    const steps = ladder(boardMessage(example.waiting, view))
    for (const { rung, message } of steps.slice(0, -1)) {
      expect([rung, types(message).includes('actions')]).toEqual([rung, true])
      expect(shown(message.blocks)).toContain('Approve')
    }
    expect(types(steps.at(-1)?.message ?? {})).toEqual([])
  })

  it('have no newer block from the plain ones on, and say as a list what a table said', () => {
    const whole = boardMessage(example.succeeded, view)
    expect(types(whole)).toContain('table')
    const plain = ladder(whole).find(({ rung }) => rung === 'plain_blocks')?.message
    expect(types(plain ?? {}).filter((type) => newer.includes(type))).toEqual([])
    for (const { title } of example.verification.counts) expect(shown(plain?.blocks)).toContain(title)
  })
})
