import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { chooseRunner } from '../../src/start/runner.ts'
import { committed } from '../runbook/phase-context.ts'
import { bubblewrapWorks } from '../runner/runners.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-choice-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function chosen(runner: string | undefined, wanted: 'required' | 'optional' = 'optional') {
  const said: string[] = []
  const log = {
    info: (text: unknown) => void said.push(String(text)),
    warn: (text: unknown) => void said.push(`warn ${String(text)}`),
  }
  const settings = {
    runner,
    dataDirectory: directory,
    backupDirectory: join(directory, 'backups'),
    secretFiles: [],
  }
  const { isolation } = await chooseRunner({ ...committed, runner: wanted }, settings, log)
  return { kind: isolation.kind, said: said.join() }
}

describe('where commands run', () => {
  it('is the runner whose socket is named', async () => {
    expect(await chosen('/run/purser-runner/socket', 'required')).toEqual({
      kind: 'runner',
      said: expect.stringContaining('/run/purser-runner/socket'),
    })
  })

  it.runIf(bubblewrapWorks)('is bubblewrap where it works and nothing else is named', async () => {
    expect(await chosen(undefined, 'required')).toMatchObject({ kind: 'bubblewrap' })
    expect(await chosen('bubblewrap')).toMatchObject({ kind: 'bubblewrap' })
  })

  it('is Purser’s own user where bubblewrap is not, which the log says, and why', async () => {
    vi.stubEnv('PATH', directory)
    const found = await chosen(undefined)
    vi.unstubAllEnvs()
    expect(found.kind).toBe('none')
    expect(found.said).toMatch(
      /^warn Commands run as Purser's own user and can read what it reads: bubblewrap is not installed/,
    )
    expect(await chosen('none')).toMatchObject({ kind: 'none', said: expect.stringContaining('PURSER_RUNNER=none') })
  })

  it('is nowhere, and Purser does not start, where it is required or insisted on and there is none', async () => {
    await expect(chosen('none', 'required')).rejects.toThrow(
      /runner: is required, and there is none.*PURSER_RUNNER=none/,
    )
    vi.stubEnv('PATH', directory)
    await expect(chosen(undefined, 'required')).rejects.toThrow(/required.*bubblewrap is not installed/)
    await expect(chosen('bubblewrap')).rejects.toThrow(/PURSER_RUNNER: is bubblewrap, and bubblewrap is not installed/)
    vi.unstubAllEnvs()
  })
})
