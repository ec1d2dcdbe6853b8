import { expect, it } from 'vitest'
import { type StopCode, Stopped } from '../../src/model/errors.ts'
import { signalToPutBack } from '../../src/runbook/restore/service.ts'

const after = (reason: unknown) => signalToPutBack(AbortSignal.abort(reason))

it.each<StopCode>(['cancelled', 'time_limit'])('what a restore stopped is started again after %s', (code) => {
  expect(after(new Stopped(code, 'stopped'))?.aborted).toBe(false)
})

it.each<StopCode>(['shutdown', 'fenced', 'lost_contact'])('is left to the worker that goes on after %s', (code) => {
  expect(after(new Stopped(code, 'stopped'))).toBeUndefined()
})

it('is left alone after an abort that only looks like a stop', () => {
  expect(after(Object.assign(new Error('cut off'), { code: 'cancelled' }))).toBeUndefined()
})
