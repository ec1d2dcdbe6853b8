import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as bodyOf } from 'node:stream/consumers'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRegistry } from '../../sandbox/registry/server.ts'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import { dockerCredentials } from '../../src/adapters/registry/login/credentials.ts'
import { helperFor, loginFor } from '../../src/adapters/registry/login/docker-config.ts'
import type { RegistryCredentials } from '../../src/adapters/registry/login/registry-credentials.ts'
import { buildToolsAreHere } from '../support/buildah.ts'
import {
  type DockerRegistry,
  dockerRegistryIsHere,
  pushTo,
  registryLogin,
  startDockerRegistry,
} from '../support/docker-registry.ts'

const signal = AbortSignal.timeout(60_000)
const hub = { registry: 'docker.io', path: 'valuecanvas/api' }
const github = { registry: 'ghcr.io', path: 'acme/team/api' }
const encoded = (user: string, password: string) => Buffer.from(`${user}:${password}`).toString('base64')
const shown = (credentials: RegistryCredentials | undefined) =>
  credentials?.kind === 'password'
    ? `${credentials.user}:${credentials.password.reveal()}`
    : credentials && `${credentials.kind} ${credentials.token.reveal()}`

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-login-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true, force: true })
})
const file = () => join(directory, 'config.json')
const writeConfig = (config: unknown) => writeFile(file(), JSON.stringify(config))

describe('the login of a repository', () => {
  const named = (name: string) => ({ username: name })
  it.each([
    // Docker writes hosts and URLs.
    [['ghcr.io'], github, 'ghcr.io'],
    [['https://ghcr.io'], github, 'https://ghcr.io'],
    [['https://ghcr.io/v2/'], github, 'https://ghcr.io/v2/'],
    [['GHCR.io:443'], github, 'GHCR.io:443'],
    [['https://index.docker.io/v1/'], hub, 'https://index.docker.io/v1/'],
    [['index.docker.io/v1/'], hub, 'index.docker.io/v1/'],
    [['docker.io'], hub, 'docker.io'],
    [['registry-1.docker.io'], hub, 'registry-1.docker.io'],
    // podman a part of a registry too, and the longest that fits counts, whatever the order.
    [['ghcr.io', 'ghcr.io/acme'], github, 'ghcr.io/acme'],
    [['ghcr.io/acme/team/api', 'ghcr.io/acme', 'ghcr.io'], github, 'ghcr.io/acme/team/api'],
    [['ghcr.io/acme/team', 'ghcr.io/other'], github, 'ghcr.io/acme/team'],
    [['docker.io/valuecanvas'], hub, 'docker.io/valuecanvas'],
    [['docker.io/library'], { registry: 'docker.io', path: 'library/nginx' }, 'docker.io/library'],
    // Neither a neighbour nor something longer.
    [['ghcr.io/acm'], github, undefined],
    [['ghcr.io/acme/team/apis'], github, undefined],
    [['ghcr.io/acme/team/api/more'], github, undefined],
    [['ghcr.io:5000'], github, undefined],
    [['ghcr.io.example.com'], github, undefined],
    [['docker.io'], github, undefined],
    [[], github, undefined],
  ])('of the keys %j for %j is that of %s', (keys, place, expected) => {
    const auths = Object.fromEntries(keys.map((key) => [key, named(key)]))
    expect(loginFor({ auths }, place)?.username).toBe(expected)
  })

  it('is not the empty note that a credential helper leaves', () => {
    expect(loginFor({ auths: { 'ghcr.io/acme': {}, 'ghcr.io': named('all') } }, github)?.username).toBe('all')
    expect(loginFor({ auths: { 'ghcr.io': {} } }, github)).toBeUndefined()
  })

  it.each([
    [{ auth: encoded('purser', 'secret') }, 'purser:secret'],
    [{ auth: encoded('purser', 'with:colon') }, 'purser:with:colon'],
    [{ auth: encoded('purser', 'secret\0\0') }, 'purser:secret'],
    [{ username: 'purser', password: 'secret' }, 'purser:secret'],
    // Azure's registry.
    [{ auth: encoded('00000000-0000-0000-0000-000000000000', ''), identitytoken: 'ey' }, 'identity token ey'],
    [{ registrytoken: 'ey' }, 'registry token ey'],
    [{ auth: 'bm8gY29sb24=' }, undefined],
    [{ auth: '' }, undefined],
    [{ auth: null, username: null }, undefined],
    [{ email: 'a@example.com' }, undefined],
  ])('%j is %s', async (login, expected) => {
    await writeConfig({ auths: { 'ghcr.io': login } })
    expect(shown((await dockerCredentials({ path: file() })(github, signal)).credentials)).toBe(expected)
  })

  it('is none without a file, and an error that shows nothing of it when it is none', async () => {
    const find = dockerCredentials({ path: file() })
    expect(await find(github, signal)).toEqual({ credentials: undefined })
    await writeFile(file(), '{"auths":{"ghcr.io":{"auth":"cHVyc2VyOmh1bnRlcjI="')
    const broken = await find(github, signal).catch((error: unknown) => error)
    expect(broken).toMatchObject({ code: 'docker_config_unreadable' })
    expect(JSON.stringify(broken) + String(broken)).not.toContain('cHVyc2Vy')
    await writeConfig({ auths: { 'ghcr.io': 'cHVyc2VyOmh1bnRlcjI=' } })
    const odd = await find(github, signal).catch((error: unknown) => error)
    expect(odd).toMatchObject({ code: 'docker_config_unreadable', evidence: [expect.stringMatching(/^auths/)] })
    expect(JSON.stringify(odd) + String(odd)).not.toContain('cHVyc2Vy')
  })

  it('is that of the file as it is now', async () => {
    const find = dockerCredentials({ path: file() })
    for (const password of ['one', 'two']) {
      await writeConfig({ auths: { 'ghcr.io': { auth: encoded('purser', password) } } })
      expect(shown((await find(github, signal)).credentials)).toBe(`purser:${password}`)
    }
    await rm(file())
    expect(await find(github, signal)).toEqual({ credentials: undefined })
  })
})

describe('a credential helper', () => {
  it.each([
    [{ credsStore: 'desktop' }, github, { helper: 'desktop', server: 'ghcr.io' }],
    [{ credsStore: 'desktop' }, hub, { helper: 'desktop', server: 'https://index.docker.io/v1/' }],
    [{ credHelpers: { 'ghcr.io': 'own' }, credsStore: 'desktop' }, github, { helper: 'own', server: 'ghcr.io' }],
    [{ credHelpers: { 'https://ghcr.io': 'own' } }, github, { helper: 'own', server: 'https://ghcr.io' }],
    [{ credHelpers: { 'gcr.io': 'gcloud' } }, github, undefined],
    [{ credsStore: '' }, github, undefined],
    [{}, github, undefined],
  ])('of %j for %j is %j', (config, place, expected) => {
    expect(helperFor(config, place)).toEqual(expected)
  })

  /** A program that notes how it was asked. */
  async function helper(name: string, script: string): Promise<() => Promise<string>> {
    const program = join(directory, `docker-credential-${name}`)
    const asked = join(directory, `asked-${name}`)
    await writeFile(program, `#!/bin/sh\n{ echo "$# $1"; cat; env; } >> ${asked}\n${script}\n`)
    await chmod(program, 0o755)
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`)
    return () => readFile(asked, 'utf8')
  }
  const says = (user: string, secret: string) =>
    `echo '${JSON.stringify({ ServerURL: 'ghcr.io', Username: user, Secret: secret })}'`

  it('is asked as Docker asks it, with nothing of Purser in its environment', async () => {
    const asked = await helper('own', says('purser', 'from-the-helper'))
    vi.stubEnv('SLACK_BOT_TOKEN', 'xoxb-not-yours')
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::1:role/purser')
    await writeConfig({ credHelpers: { 'ghcr.io': 'own' } })
    expect(shown((await dockerCredentials({ path: file() })(github, signal)).credentials)).toBe(
      'purser:from-the-helper',
    )
    expect(await asked()).toMatch(/^1 get\nghcr\.io\n/)
    expect(await asked()).toContain('AWS_ROLE_ARN=arn:aws:iam::1:role/purser')
    expect(await asked()).not.toContain('xoxb-not-yours')
  })

  it('gives an identity token by the name that Docker has for it', async () => {
    await helper('own', says('<token>', 'ey'))
    await writeConfig({ credsStore: 'own' })
    expect(shown((await dockerCredentials({ path: file() })(github, signal)).credentials)).toBe('identity token ey')
  })

  it('is asked again after ten minutes, and when the registry has refused what it said', async () => {
    const asked = await helper('own', says('purser', 'secret'))
    await writeConfig({ credsStore: 'own' })
    let now = 0
    const find = dockerCredentials({ path: file(), now: () => now })
    const times = async () => (await asked()).match(/^1 get$/gm)?.length
    for (const at of [0, 1, 599_999]) {
      now = at
      await find(github, signal)
    }
    expect(await times()).toBe(1)
    await find(hub, signal)
    expect(await times()).toBe(2)
    now = 600_000
    await find(github, signal)
    expect(await times()).toBe(3)
    await find(github, signal, true)
    expect(await times()).toBe(4)
  })

  it('that has no login leaves it to the file', async () => {
    await helper('own', "echo 'credentials not found in native keychain'; exit 1")
    await writeConfig({ credsStore: 'own', auths: { 'ghcr.io': { auth: encoded('purser', 'from-the-file') } } })
    const found = await dockerCredentials({ path: file() })(github, signal)
    expect(found).toEqual({ credentials: expect.objectContaining({ user: 'purser' }) })
  })

  it.each([
    ['exits with an error', 'echo "error: no keychain here"; exit 3', /docker-credential-own .*exited with 3/],
    ['prints something else', 'echo hello', /printed no login/],
    ['prints a login that is none', `echo '{"Username":"purser"}'`, /printed no login/],
    ['never ends', 'exec sleep 600', /not done after 0\.2 s/],
  ])('that %s is trouble, which is told', async (_, script, message) => {
    await helper('own', script)
    await writeConfig({ credsStore: 'own' })
    const { credentials, trouble } = await dockerCredentials({ path: file(), helperTimeoutMs: 200 })(github, signal)
    expect(credentials).toBeUndefined()
    expect(trouble).toMatchObject({ code: 'credential_helper_failed', message: expect.stringMatching(message) })
  })

  it.each(['../evil', '/bin/sh', 'a b', 'a;b', '-x\n', ''.padStart(101, 'a')])('is never %j', async (name) => {
    await writeConfig({ credsStore: name })
    const { trouble } = await dockerCredentials({ path: file() })(github, signal)
    expect(trouble).toMatchObject({ message: expect.stringContaining("isn't the name of a credential helper") })
  })

  it('that is not installed keeps nobody from an open registry, and is named by one that wants a login', async () => {
    const images = [{ repository: 'valuecanvas/api', tag: 'v1' }]
    const [open, closed] = await Promise.all([
      startRegistry({ images }),
      startRegistry({ images, auth: { user: 'purser', password: 'secret' } }),
    ])
    await writeConfig({ credsStore: 'of-another-machine' })
    const registry = openRegistry({ credentials: dockerCredentials({ path: file() }) })
    expect(await registry.resolve(`${open.host}/valuecanvas/api`, 'v1', signal)).toHaveProperty('digest')
    await expect(registry.resolve(`${closed.host}/valuecanvas/api`, 'v1', signal)).rejects.toMatchObject({
      code: 'credential_helper_failed',
      message: expect.stringMatching(
        /refused access \(HTTP 401\), and asking docker-credential-of-another-machine .*no such program/,
      ),
      hint: expect.stringContaining('install docker-credential-of-another-machine'),
    })
    await Promise.all([open.close(), closed.close()])
  })
})

/** A registry that speaks as a test wants it to; one manifest is all that it has. */
async function registryThat(
  answers: (
    request: IncomingMessage,
    body: string,
  ) => { status: number; headers?: Record<string, string | string[]>; body?: unknown },
) {
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const answer = answers(request, body)
      response.writeHead(answer.status, answer.headers ?? {})
      const isConfig = answer === manifest && request.url?.includes('/blobs/') === true
      response.end(JSON.stringify(isConfig ? imageConfig : (answer.body ?? {})))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    repository: `${host}/valuecanvas/api`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

const imageConfig = { os: 'linux', architecture: 'amd64' }
const digestOf = (part: unknown) => `sha256:${createHash('sha256').update(JSON.stringify(part)).digest('hex')}`
const manifest = {
  status: 200,
  body: {
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(imageConfig), size: 1 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('layer'), size: 1 }],
  },
}

describe('a login that changes while Purser runs', () => {
  it.each([401, 403])('is read again when the registry refuses the former one with %i', async (status) => {
    let valid = 'one'
    const basic = { 'www-authenticate': 'Basic realm="x"' }
    const registry = await registryThat(({ headers: { authorization } }) => {
      if (authorization === undefined) return { status: 401, headers: basic }
      return authorization === `Basic ${encoded('AWS', valid)}`
        ? manifest
        : { status, headers: status === 401 ? basic : {} }
    })
    let asked = 0
    const program = join(directory, 'docker-credential-cloud')
    const secret = join(directory, 'secret')
    await writeFile(
      program,
      `#!/bin/sh\ncat > /dev/null\necho "{\\"Username\\":\\"AWS\\",\\"Secret\\":\\"$(cat ${secret})\\"}"\n`,
    )
    await chmod(program, 0o755)
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`)
    await writeFile(secret, 'one')
    await writeConfig({ credHelpers: { [registry.host]: 'cloud' } })
    const find = dockerCredentials({ path: file() })
    const images = openRegistry({ credentials: (...question) => ((asked += 1), find(...question)) })
    await images.resolve(registry.repository, 'v1', signal)
    expect(asked).toBe(1)
    valid = 'two'
    await writeFile(secret, 'two')
    await images.resolve(registry.repository, 'v1', signal)
    expect(asked).toBe(3)
    // One that is wrong is tried once, and not sent again.
    valid = 'three'
    await expect(images.resolve(registry.repository, 'v1', signal)).rejects.toMatchObject({
      code: 'image_access_denied',
    })
    await registry.close()
  })

  it('is not asked for at all by a registry that lets everybody in', async () => {
    const registry = await registryThat(() => manifest)
    const images = openRegistry({ credentials: () => Promise.reject(new Error('nobody asked')) })
    expect(await images.resolve(registry.repository, 'v1', signal)).toHaveProperty('digest')
    await registry.close()
  })
})

describe('a registry that offers several ways', () => {
  const password = encoded('purser', 'secret')
  it.each([
    ['in one header', (bearer: string) => `Basic realm="x", ${bearer}`],
    ['in two', (bearer: string) => ['Basic realm="x"', bearer]],
    ['with one that nobody here knows', (bearer: string) => ['Negotiate', bearer]],
  ])('gets a token rather than the password, %s', async (_, offered) => {
    const registry = await registryThat(({ url, headers: { authorization, host } }) => {
      if (url?.startsWith('/token') === true)
        return authorization === `Basic ${password}` ? { status: 200, body: { token: 'granted' } } : { status: 401 }
      if (authorization === 'Bearer granted') return manifest
      return {
        status: 401,
        headers: { 'www-authenticate': offered(`Bearer realm="http://${host}/token",service="s"`) },
      }
    })
    await writeConfig({ auths: { [registry.host]: { auth: password } } })
    const images = openRegistry({ credentials: dockerCredentials({ path: file() }) })
    expect(await images.resolve(registry.repository, 'v1', signal)).toHaveProperty('digest')
    await registry.close()
  })

  it('and takes an identity token for one of access, by OAuth 2', async () => {
    const forms: string[] = []
    const registry = await registryThat(({ method, url, headers: { authorization, host } }, body) => {
      if (url?.startsWith('/token') === true && method === 'POST') {
        forms.push(body)
        return { status: 200, body: { access_token: 'granted' } }
      }
      if (authorization === 'Bearer granted') return manifest
      return {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${host}/token",service="the service"` },
      }
    })
    await writeConfig({ auths: { [registry.host]: { auth: encoded('0', ''), identitytoken: 'lasting' } } })
    const images = openRegistry({ credentials: dockerCredentials({ path: file() }) })
    expect(await images.resolve(registry.repository, 'v1', signal)).toHaveProperty('digest')
    expect(Object.fromEntries(new URLSearchParams(forms[0]))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'lasting',
      client_id: 'purser',
      service: 'the service',
      scope: 'repository:valuecanvas/api:pull',
    })
    await registry.close()
  })

  it('and an identity token follows nobody', async () => {
    const sent: string[] = []
    const stranger = await registryThat((_request, body) => {
      sent.push(body)
      return { status: 200, body: { access_token: 'granted' } }
    })
    const registry = await registryThat(({ url, headers: { host } }) =>
      url?.startsWith('/token') === true
        ? { status: 307, headers: { location: `http://${stranger.host}/token` } }
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${host}/token"` } },
    )
    await writeConfig({ auths: { [registry.host]: { identitytoken: 'lasting' } } })
    const images = openRegistry({ credentials: dockerCredentials({ path: file() }) })
    await expect(images.resolve(registry.repository, 'v1', signal)).rejects.toMatchObject({
      code: 'image_access_denied',
    })
    expect(sent).toEqual([])
    await Promise.all([registry.close(), stranger.close()])
  })
})

describe.runIf(dockerRegistryIsHere)('Distribution’s own registry with a login', () => {
  let registry: DockerRegistry
  beforeAll(async () => {
    registry = await startDockerRegistry({ login: true })
    const authorization = `Basic ${encoded(registryLogin.user, registryLogin.password)}`
    await pushTo(registry.host, { repository: 'valuecanvas/api', tag: 'v1' }, { authorization })
  })
  afterAll(() => registry.close())

  const resolve = (path: string) =>
    openRegistry({ credentials: dockerCredentials({ path }) }).resolve(`${registry.host}/valuecanvas/api`, 'v1', signal)

  it('is read with what docker login writes, and refuses anything else', async () => {
    await writeConfig({ auths: { [registry.host]: { auth: encoded(registryLogin.user, registryLogin.password) } } })
    expect(await resolve(file())).toHaveProperty('digest')
    await writeConfig({ auths: { [registry.host]: { auth: encoded(registryLogin.user, 'wrong') } } })
    await expect(resolve(file())).rejects.toMatchObject({ code: 'image_access_denied' })
    await writeConfig({})
    await expect(resolve(file())).rejects.toMatchObject({ hint: expect.stringContaining('docker login') })
  })

  it.runIf(buildToolsAreHere).each(['', '/valuecanvas', '/valuecanvas/api'])(
    'is read with what `buildah login HOST%s` writes',
    async (part) => {
      const { user, password } = registryLogin
      const place = `${registry.host}${part}`
      const { status, stderr } = spawnSync(
        'buildah',
        ['login', '--tls-verify=false', '--authfile', file(), '--username', user, '--password', password, place],
        { encoding: 'utf8' },
      )
      expect(status, stderr).toBe(0)
      expect(Object.keys((JSON.parse(await readFile(file(), 'utf8')) as { auths: object }).auths)).toEqual([place])
      expect(await resolve(file())).toHaveProperty('digest')
    },
  )
})
