import type { FieldOwner } from './port.ts'

type Habits = Pick<FieldOwner, 'byHand' | 'habit' | 'advice'>

/** By hand: it sets a value once, and has no idea of its own to which it would come back. */
const person: Habits = { byHand: true, habit: 'does not come back by itself', advice: 'give its fields up' }

const script: Habits = {
  byHand: true,
  habit: 'writes its own value again if it is run again',
  advice: 'give its fields up',
}

const gitOps = (habit: string, advice: string): Habits => ({ byHand: false, habit, advice })

export const habits = {
  argo: gitOps(
    'puts its own value back with its next sync, with self-heal within seconds',
    'list these fields in ignoreDifferences of its Application, with the sync option RespectIgnoreDifferences=true',
  ),
  flux: gitOps(
    'puts its own value back at its next reconciliation, within minutes',
    'annotate the object with kustomize.toolkit.fluxcd.io/reconcile: disabled',
  ),
  helm: gitOps(
    "puts its chart's value back with the next helm upgrade or helm rollback",
    'take these fields out of its chart',
  ),
  template: gitOps(
    'puts its own value back when it is run the next time',
    'take these fields out of what it applies (lifecycle.ignore_changes in Terraform, ignoreChanges in Pulumi)',
  ),
  autoscaler: gitOps(
    'keeps setting them by load',
    'leave these fields to it: take them out of the manifest in the repository',
  ),
  secretStore: gitOps(
    "writes its store's value back at its next refresh",
    'take the key out of what it writes, or put the value into its store',
  ),
  cluster: gitOps('is a part of the cluster and sets them again', 'take these fields out of the manifest'),
  unknown: gitOps('may put its own value back', 'take these fields out of what it writes'),
} as const satisfies Readonly<Record<string, Habits>>

/**
 * The names under which tools write, from the tools' own sources: a name that a tool does not choose is the beginning of
 * its user agent, which is why browsers and HTTP libraries stand here.
 */
const known: readonly (readonly [RegExp, Habits])[] = [
  // kubectl, kubectl.exe, kubectl-client-side-apply, kubectl-patch, kubectl-edit, kubectl-set …; OpenShift's oc alike.
  [/^(kubectl|oc)(\.exe)?(-(?!.*(controller|operator|agent)).*)?$/i, person],
  [/^(k9s|lens|freelens|openlens|node-fetch|headlamp.*|dashboard|k8s-dashboard|octant|seabird)$/i, person],
  [/^(mozilla|googlecloudconsole|curl|wget|httpie|postmanruntime|insomnia|unknown)$/i, person],
  // The server's name for fields of an object that had no record of managers when it was applied first.
  [/^before-first-apply$/, person],
  [/^(argocd|argo-cd)/i, habits.argo],
  [/^(kustomize-controller|helm-controller|flux|gotk)/i, habits.flux],
  [/^(fleet|fleetagent|fleet-agent|rancher|kapp-controller|config-sync|configsync|applier|sveltos)/i, habits.flux],
  [/^(helm|terraform-provider-helm|helmfile|helmsman)/i, habits.helm],
  [/^(terraform|hashicorp|opentofu|pulumi|kapp|kustomize|ansible|skaffold|werf|tilt|devspace|cdk8s)/i, habits.template],
  [
    /^(horizontal-pod-autoscaler|keda|vpa-|vertical-pod-autoscaler|cluster-proportional-autoscaler)/i,
    habits.autoscaler,
  ],
  [
    /^(external-secrets|externalsecrets|sealed-secrets|vault-secrets|secrets-store|bitwarden|onepassword|doppler|infisical)/i,
    habits.secretStore,
  ],
  [/^(kube-controller-manager|kube-scheduler|kube-apiserver|kubelet|cloud-controller-manager)/i, habits.cluster],
]

/** What is known of a field manager by its name. Whoever is not known is taken for one that comes back. */
function habitsOf(manager: string): Habits {
  return knownHabits(manager) ?? habits.unknown
}

function knownHabits(manager: string): Habits | undefined {
  return known.find(([pattern]) => pattern.test(manager))?.[1]
}

/** Words in the names of programs that watch objects and set them again, wherever they stand. */
const watches =
  /controller|operator|manager|agent|daemon|server|provider|webhook|inject|sync|reconcil|replicat|reflect|mirror|rotator|reload|gitops|vault/i

/**
 * Describes who has set a key of a Secret. A program of unknown name is taken for a script (`python-requests`,
 * `OpenAPI-Generator`, `my-deploy-script`): it wrote the value once, as a person with kubectl does. It is not where its
 * name is that of something that watches, or where it keeps the Secret (`keeps`): by applying it, or because something says that the Secret is its own.
 */
export function secretOwner(manager: string, fields: readonly string[], keeps: boolean): FieldOwner {
  const owner = fieldOwner(manager, fields)
  if (keeps || manager === '' || knownHabits(manager) !== undefined || watches.test(manager)) return owner
  return { ...owner, ...script, script: true }
}

export function fieldOwner(manager: string, fields: readonly string[]): FieldOwner {
  return { manager, fields: [...new Set(fields)].sort(), ...habitsOf(manager) }
}
