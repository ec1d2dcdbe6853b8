import { describe, expect, it } from 'vitest'
import { NoAnswer } from '../../src/adapters/http/port.ts'
import type { ProbeAnswer } from '../../src/adapters/stripe/port.ts'
import { probe } from '../../src/runbook/stripe/probe/probe.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { phaseContext } from './phase-context.ts'

const secret = new Sensitive('whsec_of_the_cluster')
const answer = (status: number, more: Partial<ProbeAnswer> = {}): ProbeAnswer => ({
  status,
  milliseconds: 5,
  body: '',
  ...more,
})

/** The answers of a webhook URL, one after the other; the last one stays. */
function answers(...all: readonly (ProbeAnswer | Error)[]) {
  let asked = 0
  return async () => {
    const now = all[Math.min(asked, all.length - 1)]
    asked += 1
    if (now === undefined || now instanceof Error) throw now ?? new Error('no answer is left')
    return now
  }
}

interface Answers {
  readonly signed?: ReturnType<typeof answers>
  readonly madeUp?: ReturnType<typeof answers>
  readonly unsigned?: ReturnType<typeof answers>
}

function contextWith({
  signed = answers(answer(200)),
  madeUp = answers(answer(400, { body: 'no signature matches' })),
  unsigned = answers(answer(400, { body: 'no signature' })),
}: Answers) {
  const state = {
    fingerprint: undefined,
    fingerprints: [],
    strays: [],
    keys: [],
    managers: [],
    claims: [],
    immutable: false,
  }
  return phaseContext({
    world: {
      cluster: {
        secretKey: async () => ({ ...state, secretExists: true, keyExists: true }),
        readSecretKey: async () => secret,
      },
      stripe: { endpoints: async () => [], apiVersion: '2026-10-28.endive' },
      webhook: {
        signed: (_url, _event, held) => (held.reveal() === secret.reveal() ? signed() : madeUp()),
        unsigned: () => unsigned(),
      },
    },
  })
}

const probed = (parts: Answers) => {
  const context = contextWith(parts)
  return probe(context, context.signal)
}

describe('the test event', () => {
  it('takes no single 502 for an answer, whichever event it meets', async () => {
    const once = (status: number) => answers(answer(502), answer(status))
    const { refused } = await probed({ signed: once(200), madeUp: once(400), unsigned: once(400) })
    expect(refused).toMatchObject({ madeUp: 400, unsigned: 400 })
  })

  it('asks again after a dropped connection', async () => {
    const dropped = new NoAnswer('cut', 'probing: the connection was cut')
    await expect(probed({ signed: answers(dropped, answer(200)) })).resolves.toMatchObject({ status: 200 })
  })

  it("takes the service's own error for its answer to what it must refuse", async () => {
    const { refused } = await probed({ madeUp: answers(answer(500)), unsigned: answers(answer(302)) })
    expect(refused).toMatchObject({ madeUp: 500, unsigned: 302 })
  })

  it.each<[string, Answers, string, RegExp]>([
    [
      'an allow list',
      { signed: answers(answer(403)), madeUp: answers(answer(403)), unsigned: answers(answer(403)) },
      'probe_kept_out',
      /set `probeUrl`/,
    ],
    [
      'a limit of requests',
      { signed: answers(answer(429)), madeUp: answers(answer(429)) },
      'probe_kept_out',
      /limits requests/,
    ],
    [
      'a limit of bodies',
      { signed: answers(answer(413)), madeUp: answers(answer(413)), unsigned: answers(answer(413)) },
      'probe_refused',
      /no body of this size/,
    ],
    [
      'a late clock, whose service has words of its own for it',
      { signed: answers(answer(400, { body: 'outside the tolerance', clockAheadMs: -660_000 })) },
      'probe_refused',
      /^The service's clock is 11 min behind Purser's/,
    ],
    [
      'a fast clock, whose service has one answer for every signature',
      { signed: answers(answer(400, { body: 'no signature matches', clockAheadMs: 660_000 })) },
      'probe_refused',
      /^The service's clock is 11 min ahead of Purser's/,
    ],
    [
      'another secret in the pods',
      { signed: answers(answer(400, { body: 'no signature matches', clockAheadMs: 2_000 })) },
      'probe_refused',
      /^The pods answer as to a made-up secret/,
    ],
  ])(
    'names %s',
    async (_, parts, code, hint) => {
      await expect(probed(parts)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) })
    },
    20_000,
  )
})
