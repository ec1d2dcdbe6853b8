import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dumpYaml, loadYaml } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { describePermission, neededPermissions } from '../../src/runbook/preflight/permissions.ts'

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const config = parsePurserYaml(readFileSync(path('purser.yaml'), 'utf8'), 'purser.yaml')

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly rules?: readonly Rule[]
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[]
  readonly roleRef?: { readonly kind: string; readonly name: string }
}

const rbac = parseAllDocuments(readFileSync(path('deploy/rbac.yaml'), 'utf8')).map((it) => it.toJS() as Manifest)
const ofCluster = 'kube-system'
const only = (kind: string, inCluster = false) => {
  const found = rbac.filter((it) => it.kind === kind && (it.metadata.namespace === ofCluster) === inCluster)
  expect(found, kind).toHaveLength(1)
  return found[0]!
}

/** One line for each single right, in the words of `describePermission`. */
function rightsOf(rule: Rule): string[] {
  const names: readonly (string | undefined)[] = rule.resourceNames ?? [undefined]
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((whole) =>
      rule.verbs.flatMap((verb) =>
        names.map((name) => {
          const kind = group === '' ? whole : `${whole}.${group}`
          return `${verb} ${kind}${name === undefined ? '' : `/${name}`}`
        }),
      ),
    ),
  )
}

describe('deploy/rbac.yaml', () => {
  it('grants exactly what the pre-flight phase asks for, and grants nothing twice', () => {
    const granted = (only('Role').rules ?? []).flatMap(rightsOf)
    expect(granted.toSorted()).toEqual(neededPermissions(config.service).map(describePermission).toSorted())
  })

  it('grants one right outside of it, to the same account: to tell this cluster from another one', () => {
    expect((only('Role', true).rules ?? []).flatMap(rightsOf)).toEqual(['get namespaces/kube-system'])
    expect(only('RoleBinding', true).roleRef?.name).toBe(only('Role', true).metadata.name)
    expect(only('RoleBinding', true).subjects).toEqual(only('RoleBinding').subjects)
  })

  it('grants it in the namespace of production, to the account that Purser runs as', () => {
    const account = only('ServiceAccount').metadata
    const role = only('Role').metadata
    const binding = only('RoleBinding')
    expect(role.namespace).toBe(config.environments['production']?.namespace)
    expect(binding.metadata.namespace).toBe(role.namespace)
    expect(binding.roleRef).toMatchObject({ kind: 'Role', name: role.name })
    expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', name: account.name, namespace: account.namespace }])

    const purser = parseAllDocuments(readFileSync(path('deploy/purser.yaml'), 'utf8'))
      .map((it) => it.toJS() as Manifest & { spec: { template: { spec: { serviceAccountName: string } } } })
      .find((it) => it.kind === 'Deployment')
    expect(purser?.metadata.namespace).toBe(account.namespace)
    expect(purser?.spec.template.spec.serviceAccountName).toBe(account.name)
  })
})

const documents = ['deploy/rbac.yaml', 'deploy/purser.yaml'].flatMap((file) =>
  parseAllDocuments(readFileSync(path(file), 'utf8')).map((document) => {
    const { kind, metadata } = document.toJS() as Manifest
    return { name: `${kind} ${metadata.name} in ${metadata.namespace}`, text: document.toString() }
  }),
)

it.each(documents)('$name has no field that Kubernetes does not know', ({ text }) => {
  // The client's models know every field of the API; whatever else is written does not survive them.
  expect(parse(dumpYaml(loadYaml(text)))).toEqual(parse(text))
})

interface Container {
  readonly name: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly envFrom?: unknown
  readonly resources: { readonly limits: Readonly<Record<string, string>> }
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface Pod {
  readonly automountServiceAccountToken: boolean
  readonly shareProcessNamespace?: boolean
  readonly hostPID?: boolean
  readonly hostNetwork?: boolean
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly containers: readonly Container[]
  readonly volumes: readonly ({ readonly name: string; readonly emptyDir?: { readonly sizeLimit?: string } } & Readonly<
    Record<string, unknown>
  >)[]
}

interface Policy {
  readonly kind: string
  readonly spec: {
    readonly podSelector: { readonly matchLabels: unknown }
    readonly egress: readonly {
      readonly to: readonly { readonly ipBlock?: { readonly cidr: string; readonly except: readonly string[] } }[]
      readonly ports: readonly { readonly port: number }[]
    }[]
  }
}

describe('deploy/purser.yaml', () => {
  const deployment = parseAllDocuments(readFileSync(path('deploy/purser.yaml'), 'utf8'))
    .map((it) => it.toJS() as { kind: string; spec: { template: { metadata: { labels: unknown }; spec: Pod } } })
    .find((it) => it.kind === 'Deployment')
  const pod = deployment?.spec.template.spec as Pod
  const container = (name: string) => pod.containers.find((it) => it.name === name) as Container

  it('gives the runner nothing of Purser: no secret, no token, no volume but the one with the socket', () => {
    const [purser, runner] = [container('purser'), container('runner')]
    expect(runner.envFrom).toBeUndefined()
    expect(runner.env).toBeUndefined()
    const names = ({ volumeMounts }: Container) => volumeMounts.map(({ name }) => name)
    expect(names(runner).filter((name) => names(purser).includes(name))).toEqual(['runner-socket'])
    const own = pod.volumes.filter(({ name }) => names(runner).includes(name))
    expect(own.every(({ emptyDir }) => emptyDir?.sizeLimit !== undefined)).toBe(true)
    // The kubelet would mount the token into every container.
    expect(pod.automountServiceAccountToken).toBe(false)
    expect(names(purser)).toContain('kubernetes-api')
    expect(pod).not.toHaveProperty('shareProcessNamespace')
    expect(pod).not.toHaveProperty('hostPID')
    expect(pod).not.toHaveProperty('hostNetwork')
  })

  it('hands Purser its secrets as files, each that the committed purser.yaml names, and none by the environment', () => {
    const { env = [], envFrom } = container('purser')
    expect(envFrom).toBeUndefined()
    const named = Object.values(config.environments).flatMap(({ databaseUrlEnv, stripe, e2e, build }) => [
      databaseUrlEnv,
      stripe.secretKeyEnv,
      ...Object.values(e2e.envFrom),
      ...Object.values(build.envFrom),
    ])
    const own = ['STATE_DATABASE_URL', 'PURSER_AUDIT_KEY', 'SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN']
    const secrets = env.filter(({ name }) => name.endsWith('_FILE'))
    expect(secrets.map(({ name }) => name.replace(/_FILE$/, '')).toSorted()).toEqual(
      [...new Set([...own, ...named])].toSorted(),
    )
    const directory = container('purser').volumeMounts.find(({ name }) => name === 'secrets')?.mountPath
    for (const { name, value } of secrets) expect(value).toBe(`${directory}/${name.replace(/_FILE$/, '')}`)
  })

  it('runs each container as a user of its own who can gain no right, with a root that nobody writes', () => {
    const users = pod.containers.map(({ securityContext }) => securityContext['runAsUser'])
    expect(new Set(users).size).toBe(2)
    for (const { securityContext, resources } of pod.containers) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(resources.limits['memory']).toBeDefined()
    }
  })

  it('fits the restricted Pod Security Standard', () => {
    // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, beyond what each container has above.
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    const kinds = new Set(pod.volumes.flatMap(({ name: _name, ...source }) => Object.keys(source)))
    const allowed = [
      'configMap',
      'csi',
      'downwardAPI',
      'emptyDir',
      'ephemeral',
      'persistentVolumeClaim',
      'projected',
      'secret',
    ]
    expect([...kinds].filter((kind) => !allowed.includes(kind))).toEqual([])
    for (const { securityContext } of pod.containers) {
      expect(securityContext['runAsUser']).not.toBe(0)
      expect(securityContext).not.toHaveProperty('privileged')
      expect(securityContext).not.toHaveProperty('seccompProfile')
    }
  })

  it('gives each container a place for everything that it writes, and no other', () => {
    const writable = ({ volumeMounts }: Container) =>
      volumeMounts.filter((mount) => !('readOnly' in mount)).map(({ mountPath }) => mountPath)
    // test/world/read-only.test.ts starts Purser with these and nothing else.
    expect(writable(container('purser'))).toEqual(['/data', '/run/purser-runner', '/tmp'])
    // The container's runtime gives it /dev/shm beside them.
    expect(writable(container('runner'))).toEqual(['/run/purser-runner', '/workspace', '/tmp'])
  })

  it('starts both programs under a process 1 that collects what they leave behind', () => {
    const stages = readFileSync(path('Dockerfile'), 'utf8').split(/^FROM /m)
    for (const stage of stages.slice(-2)) {
      expect(stage).toMatch(/^ENTRYPOINT \["tini", "--"/m)
      expect(stage).toMatch(/apt-get install[^&]* tini\b/)
      expect(stage).toMatch(/chmod 0711 .*\/usr\/bin\/tini/)
    }
    for (const { name } of pod.containers) expect(container(name)).not.toHaveProperty('command')
  })

  it('lets nothing in, and out only to names, HTTPS, the API server and databases, never to a metadata service', () => {
    const policy = parseAllDocuments(readFileSync(path('deploy/purser.yaml'), 'utf8'))
      .map((it) => it.toJS() as Policy)
      .find((it) => it.kind === 'NetworkPolicy')
    expect(policy?.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [] })
    expect(policy?.spec.podSelector.matchLabels).toEqual(deployment?.spec.template.metadata.labels)
    const rules = policy?.spec.egress ?? []
    expect(rules.map(({ ports }) => ports.map(({ port }) => port))).toEqual([
      [53, 53],
      [443, 6443, 5432, 6379],
    ])
    const blocks = rules.flatMap(({ to }) => to).flatMap(({ ipBlock }) => ipBlock ?? [])
    expect(blocks.map(({ cidr }) => cidr)).toEqual(['0.0.0.0/0', '::/0'])
    const kept = blocks.flatMap(({ except }) => except).map((range) => range.replace(/\/(32|128)$/, ''))
    // Those that Purser itself does not ask, whatever a URL names.
    const refused = readFileSync(path('src/adapters/http/addresses.ts'), 'utf8')
    for (const address of kept) expect(refused).toContain(address.replace(/\/\d+$/, ''))
  })

  it('and the Dockerfile agree on the runner’s user, socket and workspace, and purser.yaml wants a runner', () => {
    const dockerfile = readFileSync(path('Dockerfile'), 'utf8')
    const { runAsUser, runAsGroup } = container('runner').securityContext
    expect(dockerfile).toContain(`USER ${String(runAsUser)}:${String(runAsGroup)}`)
    const socket = container('purser').env?.find(({ name }) => name === 'PURSER_RUNNER')?.value
    expect(dockerfile).toContain(`"--socket", "${socket}"`)
    for (const { mountPath } of container('runner').volumeMounts) expect(dockerfile).toContain(mountPath)
    expect(config.runner).toBe('required')
  })

  it('the runner’s image has every module that its program imports', () => {
    const stage = readFileSync(path('Dockerfile'), 'utf8').split('AS runner')[1]?.split('\nFROM ')[0] ?? ''
    const copied = [...stage.matchAll(/\/app\/(dist\/[\w./-]+|node_modules\/\w+)/g)].map(([, it = '']) => it)
    const needed = new Set<string>()
    const visit = (file: string): void => {
      if (needed.has(file)) return
      needed.add(file)
      for (const [, specifier = ''] of readFileSync(path(file), 'utf8').matchAll(
        /^import (?!type ).*? from '([^']+)'/gms,
      ))
        if (specifier.startsWith('.')) visit(join(dirname(file), specifier))
        else if (!specifier.startsWith('node:')) needed.add(`node_modules/${specifier}`)
    }
    visit('src/runner/main.ts')
    const inImage = [...needed].map((file) => file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'))
    expect(inImage.filter((file) => !copied.some((place) => file === place || file.startsWith(`${place}/`)))).toEqual(
      [],
    )
  })
})

/** Slack's documentation of each method, and of slash commands: docs.slack.dev/reference/methods. */
const scopesOf: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
  'chat.postEphemeral': ['chat:write'],
  'chat.postMessage': ['chat:write'],
  'chat.update': ['chat:write'],
  'chat.getPermalink': [],
  // By the kind of channel.
  'conversations.members': ['channels:read', 'groups:read'],
  filesUploadV2: ['files:write'],
  'users.info': ['users:read'],
  'views.publish': [],
  'usergroups.users.list': ['usergroups:read'],
}

/** What an app does as well, where it is granted. https://docs.slack.dev/changelog/2026/03/16/optional-scopes */
const optionalScopesOf: Readonly<Record<string, readonly string[]>> = {
  'conversations.history': ['channels:history', 'groups:history'],
}

it('slack-manifest.yaml asks for the scopes of the methods that are called, and for no other', () => {
  const files = ['client.ts', 'directory.ts'].map((file) => readFileSync(path(`src/adapters/slack/${file}`), 'utf8'))
  const called = [...files.join('\n').matchAll(/\bclient\.([\w.]+)\(/g)].map((match) => match[1] ?? '')
  expect(called.toSorted()).toEqual([...Object.keys(scopesOf), ...Object.keys(optionalScopesOf)].toSorted())

  const manifest = parse(readFileSync(path('slack-manifest.yaml'), 'utf8')) as {
    readonly oauth_config: {
      readonly scopes: { readonly bot: readonly string[]; readonly bot_optional: readonly string[] }
    }
  }
  const needed = new Set(['commands', ...called.flatMap((method) => scopesOf[method] ?? [])])
  expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual([...needed].toSorted())
  expect(manifest.oauth_config.scopes.bot_optional.toSorted()).toEqual(
    Object.values(optionalScopesOf).flat().toSorted(),
  )
})
