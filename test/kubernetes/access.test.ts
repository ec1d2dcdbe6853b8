import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterAccess } from '../../src/adapters/kubernetes/access/cluster-access.ts'
import { Connection } from '../../src/adapters/kubernetes/api/connection.ts'

const signal = AbortSignal.timeout(60_000)

let directory: string
let server: Server
let url: string
/** The token that the server takes, and those that it was sent. */
let valid: string
let sent: string[]

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'purser-access-'))
  valid = 'one'
  sent = []
  server = createServer((request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    sent.push(token)
    const known = token === valid
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(known ? { ok: true } : { kind: 'Status', message: 'Unauthorized', reason: 'Unauthorized' }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
  await rm(directory, { recursive: true })
})

const file = (name = 'config') => path.join(directory, name)
const config = (user: object, at = url) =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: at, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })
const ask = (connection: Connection) =>
  connection.json<{ ok: boolean }>({ method: 'GET', path: '/', doing: 'asking' }, signal)
const open = () => new Connection({ kubeconfig: file(), requestTimeoutMs: 5_000 })

describe('a token in a kubeconfig', () => {
  it('is read again when the file changes, however it is exchanged', async () => {
    await writeFile(file('one'), config({ token: 'one' }))
    await writeFile(file('two'), config({ token: 'two' }))
    await symlink(file('one'), file())
    const connection = open()
    await ask(connection)
    valid = 'two'
    // As the kubelet exchanges what it mounts.
    await symlink(file('two'), file('aside'))
    await rename(file('aside'), file())
    await ask(connection)
    valid = 'three'
    await writeFile(file('two'), config({ token: 'three' }))
    await ask(connection)
    expect(sent).toEqual(['one', 'two', 'three'])
  })

  it('goes on while the file is half written or gone', async () => {
    await writeFile(file(), config({ token: 'one' }))
    const connection = open()
    await ask(connection)
    await writeFile(file(), 'clusters: [')
    await ask(connection)
    await rm(file())
    await ask(connection)
    valid = 'two'
    await writeFile(file(), config({ token: 'two' }))
    await ask(connection)
    expect(sent).toEqual(['one', 'one', 'one', 'two'])
  })

  it('that is refused is read once more and then told', async () => {
    await writeFile(file(), config({ token: 'stale' }))
    const connection = open()
    await expect(ask(connection)).rejects.toMatchObject({ code: 'cluster_unauthorized' })
    expect(sent).toEqual(['stale', 'stale'])
    // A loop of questions does not double them all.
    await expect(ask(connection)).rejects.toMatchObject({ code: 'cluster_unauthorized' })
    expect(sent).toHaveLength(3)
  })

  it('never leads to another server while Purser runs', async () => {
    await writeFile(file(), config({ token: 'one' }))
    const connection = open()
    await ask(connection)
    await writeFile(file(), config({ token: 'one' }, 'http://127.0.0.1:1'))
    await expect(ask(connection)).rejects.toMatchObject({
      code: 'cluster_config',
      message: `the kubeconfig names http://127.0.0.1:1 now, and named ${url} when Purser began`,
      hint: expect.stringContaining('restart Purser'),
    })
    expect(sent).toEqual(['one'])
  })

  it.each(['token', 'nested/token'])('in a file of its own (%s) is read again when that one changes', async (name) => {
    await mkdir(file('nested'))
    await writeFile(file(name), 'one\n')
    await writeFile(file(), config({ tokenFile: name }))
    const connection = open()
    await ask(connection)
    valid = 'two'
    await writeFile(file(name), 'two\n')
    await ask(connection)
    expect(sent).toEqual(['one', 'two'])
  })
})

describe('a program that gives the credential', () => {
  const expiring = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString()

  async function program(script: string, more: object = {}): Promise<void> {
    await writeFile(
      file('plugin'),
      `#!/bin/sh\necho run >> ${file('runs')}\nprintf '%s' "$KUBERNETES_EXEC_INFO" > ${file('info')}\n${script}\n`,
    )
    await chmod(file('plugin'), 0o755)
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      interactiveMode: 'Never',
      ...more,
    }
    await writeFile(file(), config({ exec }))
  }
  const prints = (status: object) =>
    `echo '${JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status })}'`
  const runs = async () => (await readFile(file('runs'), 'utf8')).length / 4

  it('is run once for many requests, and told what it is asked for', async () => {
    await program(prints({ token: 'one', expirationTimestamp: expiring(3_600_000) }), {
      provideClusterInfo: true,
      args: ['get-token'],
      env: [{ name: 'AWS_PROFILE', value: 'billing' }],
    })
    const connection = open()
    await Promise.all(Array.from({ length: 8 }, () => ask(connection)))
    await ask(connection)
    expect(await runs()).toBe(1)
    expect(JSON.parse(await readFile(file('info'), 'utf8'))).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: url } },
    })
  })

  it('is run anew for the next one when whoever began it was cancelled', async () => {
    await program(`while [ ! -e ${file('go')} ]; do sleep 0.05; done; ${prints({ token: 'one' })}`)
    const access = new ClusterAccess({ kubeconfig: file() })
    const dana = new AbortController()
    const first = access.apply({}, dana.signal).catch((error: unknown) => error)
    const second = access.apply({}, signal)
    dana.abort(new Error('cancelled by Dana'))
    expect(await first).toMatchObject({ message: 'cancelled by Dana' })
    await writeFile(file('go'), '')
    expect(await second).toBeUndefined()
  })

  it('is run again when its credential is about to expire', async () => {
    await program(prints({ token: 'one', expirationTimestamp: expiring(20_000) }))
    const connection = open()
    await ask(connection)
    await ask(connection)
    expect(await runs()).toBe(2)
  })

  it('is run again when the server refuses what it gave, and not for each refusal', async () => {
    await program(`echo '{"kind":"ExecCredential","status":{"token":"'$(cat ${file('token')})'"}}'`)
    await writeFile(file('token'), 'one')
    let now = 0
    const access = new ClusterAccess({ kubeconfig: file(), now: () => now })
    const token = async () => {
      const options = {}
      await access.apply(options, signal)
      return (options as { headers?: Record<string, string> }).headers?.['Authorization']
    }
    expect(await token()).toBe('Bearer one')
    await writeFile(file('token'), 'two')
    expect(await token()).toBe('Bearer one')
    expect(access.renewed()).toBe(false)
    now = 10_000
    expect(access.renewed()).toBe(true)
    expect(await token()).toBe('Bearer two')
    expect(access.renewed()).toBe(false)
    expect(await runs()).toBe(2)
  })

  it('may give a certificate, and the next one is used for new connections', async () => {
    // client-node keeps its first connection's certificate for ever; here it is read off the options of a request.
    await program(
      `echo '{"kind":"ExecCredential","status":{"clientCertificateData":"'$(cat ${file('which')})'","clientKeyData":"key"}}'`,
    )
    let now = 0
    const access = new ClusterAccess({ kubeconfig: file(), now: () => now })
    for (const name of ['certificate one', 'certificate two']) {
      await writeFile(file('which'), name)
      const options: { agent?: { options?: { cert?: Buffer } } } = {}
      await access.apply(options as object, signal)
      expect(options.agent?.options?.cert?.toString()).toBe(name)
      now += 10_000
      access.renewed()
    }
  })

  it.each([
    ['exits with an error', 'echo "no session: run aws sso login" >&2; exit 255', {}, /exited with 255/],
    ['prints something else', 'echo hello', {}, /printed no credential/],
    ['prints a credential without a token', prints({}), {}, /printed no credential/],
    ['never ends', 'exec sleep 600', {}, /not done after 0\.3 s/],
    ['is not there', '', { command: 'not-on-this-machine' }, /no such program/],
    ['has to ask a person', '', { interactiveMode: 'Always' }, /has to ask a person/],
  ])('that %s is named', async (_, script, more, message) => {
    await program(script, more)
    const access = new ClusterAccess({ kubeconfig: file(), execTimeoutMs: 300 })
    const failure = await access.apply({}, signal).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'cluster_credentials', message: expect.stringMatching(message) })
    if (script.includes('aws sso')) expect(failure).toMatchObject({ evidence: ['no session: run aws sso login'] })
  })

  it('that cannot be read ends the start', async () => {
    await writeFile(file(), config({ exec: { command: 'aws' } }))
    expect(open).toThrow(/the exec of user u cannot be read/)
  })
})

it('certificates in files that change are used from then on', async () => {
  await writeFile(file('ca.crt'), 'first')
  const clusters = [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority': 'ca.crt' } }]
  await writeFile(file(), JSON.stringify({ ...(JSON.parse(config({ token: 'x' })) as object), clusters }))
  const access = new ClusterAccess({ kubeconfig: file() })
  for (const content of ['first', 'second, longer']) {
    await writeFile(file('ca.crt'), content)
    const options: { agent?: { options?: { ca?: Buffer } } } = {}
    await access.apply(options as object, signal)
    expect(options.agent?.options?.ca?.toString()).toBe(content)
  }
})
