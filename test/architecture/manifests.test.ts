import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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

/** Slack's documentation of each method, and of slash commands: docs.slack.dev/reference/methods. */
const scopesOf: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
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

it('slack-manifest.yaml asks for the scopes of the methods that are called, and for no other', () => {
  const files = ['client.ts', 'directory.ts'].map((file) => readFileSync(path(`src/adapters/slack/${file}`), 'utf8'))
  const called = [...files.join('\n').matchAll(/\bclient\.([\w.]+)\(/g)].map((match) => match[1] ?? '')
  expect(called.toSorted()).toEqual(Object.keys(scopesOf).toSorted())

  const manifest = parse(readFileSync(path('slack-manifest.yaml'), 'utf8')) as {
    readonly oauth_config: { readonly scopes: { readonly bot: readonly string[] } }
  }
  const needed = new Set(['commands', ...called.flatMap((method) => scopesOf[method] ?? [])])
  expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual([...needed].toSorted())
})
