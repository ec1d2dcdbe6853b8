import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { homeActionIds, type HomeEnvironment, type HomeFacts, homeView } from '../../src/messages/home/home.ts'
import { releasedIn } from '../../src/model/current-release.ts'
import { arbitraryRun } from './arbitrary-run.ts'
import * as example from './example-runs.ts'
import { expectSlackTakesView, shown } from './slack-takes.ts'

const { production, home } = example

function seen(more: Partial<HomeEnvironment> = {}, notes: readonly string[] = []): { text: string; buttons: string } {
  const view = homeView({ ...home, notes, environments: [{ ...production, ...more }] })
  expectSlackTakesView(view)
  const pressed = view.blocks.flatMap((block) =>
    'elements' in block && block.type === 'actions' ? block.elements : [],
  )
  const buttons = pressed.map((it) => ('text' in it && it.text !== undefined ? shown(it.text) : '')).join(', ')
  return { text: shown(view.blocks), buttons }
}

describe('App Home', () => {
  it('tells what runs where, since when and by whom', () => {
    expect(seen().text).toContain(
      '*production* runs `v1.2.0` since 2026-01-05 14:19 UTC: run *#42*, requested by <@U01DANA00>.',
    )
    expect(seen({ release: releasedIn([]) }).text).toContain('Purser has deployed nothing here yet')
  })

  it('tells that a failed deploy has left its changes there', () => {
    const release = releasedIn([{ ...example.failed, number: 44, version: 'v1.3.0' }, example.succeeded])
    expect(seen({ release }).text).toContain('runs `v1.2.0`')
    expect(seen({ release }).text).toMatch(/Run \*#44\* \(`v1\.3\.0`\) failed at .*\. Its changes stay\./)
  })

  it('goes back to what stood there once a deploy was rolled back', () => {
    const taken = { ...example.succeeded, rolledBackBy: 43, hasEffects: false }
    expect(seen({ release: releasedIn([taken]) }).text).toContain('runs `v1.1.0` (deployed before Purser)')
  })

  it('offers what fits, to those who may', () => {
    expect(seen().buttons).toBe('Deploy…, Verify, Diagnose…, Roll back…, Lock…')
    expect(seen({ release: releasedIn([]) }).buttons).toBe('Deploy…, Verify, Diagnose…, Lock…')
    expect(seen({ lock: example.lock }).buttons).toBe('Verify, Diagnose…, Roll back…, Unlock')
    expect(seen({ mayDeploy: false }).buttons).toBe('Verify, Diagnose…')
  })

  it('offers nothing to press to somebody who is in no channel of the environment, and says where that is', () => {
    const { text, buttons } = seen({ channel: undefined })
    expect(buttons).toBe('')
    expect(text).toContain("Use <#C01BILLING> for commands. You aren't a member.")
  })

  it('says what could not be found out, and of somebody who may see nothing that it is so', () => {
    expect(seen({}, ['Who is in <#C01BILLING> is not known.']).text).toContain('is not known.')
    const view = homeView({ service: 'valuecanvas-api', environments: [], notes: [] })
    expectSlackTakesView(view)
    expect(shown(view.blocks)).toContain("There's no environment you can see.")
    const unsure = homeView({ service: 'valuecanvas-api', environments: [], notes: ['Slack did not tell.'] })
    expect(shown(unsure.blocks)).toContain('No environment is known to be visible to you.')
    expect(shown(view.blocks)).not.toMatch(/Nothing running|No run|backup/)
  })

  it('links what runs to its board, and shows locks and the last backup', () => {
    const { text } = seen({ lock: example.lock })
    expect(text).toContain('*Locked* by <@U02ALEX00>')
    expect(text).toContain('month-end closing')
    expect(text).toContain('running, 3 of 7* – deploy application code, 2 of 3 pods updated')
    expect(text).toContain('Last backup 2026-01-05 14:08 UTC, restore-tested · `/billing backups` lists 2')
    const links = JSON.stringify(homeView(home)).match(/"type":"link","url":"[^"]+"/g)
    expect(links?.length).toBe(home.environments.flatMap(({ open, finished }) => [...open, ...finished]).length)
  })

  it('shows first what waits for people, with a link to it', () => {
    const text = shown(homeView(home).blocks)
    const waiting = text.indexOf('Waiting for you')
    expect(waiting).toBeGreaterThan(0)
    expect(text.indexOf('waiting for approval')).toBeGreaterThan(waiting)
    expect(text.indexOf('waiting for approval')).toBeLessThan(text.indexOf('*production*'))
    expect(seen().text).not.toContain('Waiting for you')
    const failed = { run: example.failed, link: undefined }
    expect(seen({ open: [failed], waitsForYou: [42] }).text).toContain('Waiting for you')
    // What others have to decide is not called so.
    expect(seen({ open: [failed] }).text).not.toContain('Waiting for you')
  })

  it('passes Slack whatever there is', () => {
    const linked = fc.array(
      fc.record({ run: arbitraryRun, link: fc.constantFrom(undefined, 'https://x.slack.com/archives/C1/p1') }),
      {
        maxLength: 10,
      },
    )
    const runs = fc.record({ of: fc.array(arbitraryRun, { maxLength: 30 }), open: linked, finished: linked })
    const facts: fc.Arbitrary<HomeFacts> = fc.record({
      service: fc.string({ maxLength: 300 }),
      environments: runs.map(({ of, open, finished }) =>
        of.map((run) => ({
          ...production,
          name: run.environment.slice(0, 100) || 'x',
          release: releasedIn([run]),
          lock: example.lock,
          open,
          finished,
        })),
      ),
      notes: fc.array(fc.string({ maxLength: 400 }), { maxLength: 12 }),
    })
    fc.assert(
      fc.property(facts, (it) => expectSlackTakesView(homeView(it))),
      { numRuns: 50 },
    )
  })

  it('carries the environment in its buttons', () => {
    expect(JSON.stringify(homeView(home))).toContain(`"action_id":"${homeActionIds.deploy}","value":"production"`)
  })
})
