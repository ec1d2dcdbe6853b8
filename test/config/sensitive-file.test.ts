import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SensitiveFile } from '../../src/config/environment/sensitive-file.ts'
import { knownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { Sensitive } from '../../src/sensitive.ts'

let directory: string
let file: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-secret-'))
  file = join(directory, 'secret')
  await writeFile(file, 'first-value\n')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('a secret in a file', () => {
  it('is what the file holds now, without one line end', async () => {
    const secret = new SensitiveFile(file, 'first-value')
    expect(secret.reveal()).toBe('first-value')
    await writeFile(file, 'second-value\n')
    expect(secret.reveal()).toBe('second-value')
    expect(secret.fingerprint).toBe(new Sensitive('second-value').fingerprint)
    expect(secret.parts('-').map((part) => part.reveal())).toEqual(['second', 'value'])
  })

  it('is the new one after the kubelet has exchanged what it mounts', async () => {
    await rm(file)
    await writeFile(join(directory, 'v1'), 'first-value')
    await writeFile(join(directory, 'v2'), 'other-value')
    await symlink(join(directory, 'v1'), file)
    const secret = new SensitiveFile(file, 'first-value')
    expect(secret.reveal()).toBe('first-value')
    await symlink(join(directory, 'v2'), join(directory, 'aside'))
    await rename(join(directory, 'aside'), file)
    expect(secret.reveal()).toBe('other-value')
  })

  it('is the former one as long as the file holds none', async () => {
    const secret = new SensitiveFile(file, 'first-value', (now) => now.endsWith('value'))
    await writeFile(file, '')
    expect(secret.reveal()).toBe('first-value')
    await writeFile(file, 'half of a val')
    expect(secret.reveal()).toBe('first-value')
    await rm(file)
    expect(secret.reveal()).toBe('first-value')
    await writeFile(file, 'third-value')
    expect(secret.reveal()).toBe('third-value')
  })

  it('shows itself to nobody', () => {
    const secret = new SensitiveFile(file, 'first-value')
    expect(`${String(secret)} ${JSON.stringify({ secret })}`).not.toContain('first')
  })

  it('is masked from the moment on at which it is used, and its former value too', async () => {
    const secret = new SensitiveFile(file, 'first-value')
    knownSecrets.learn(secret, new Sensitive('another-one'))
    const mask = maskOf()
    expect(mask('first-value second-value another-one')).not.toMatch(/first-value|another-one/)
    await writeFile(file, 'second-value')
    secret.reveal()
    expect(mask('first-value second-value another-one')).not.toMatch(/first-value|second-value|another-one/)
  })
})
