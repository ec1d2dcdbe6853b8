import type { ApiObject } from '../api/objects.ts'
import { habits } from './known-managers.ts'
import type { Claim } from './port.ts'

/**
 * Reads who says that an object is its own: GitOps tools and Helm by labels and annotations, operators by being its
 * controller. They put the object back as a whole, whoever has set its fields last.
 */
export function claimsOn({ metadata }: ApiObject): readonly Claim[] {
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata
  const claim = (tool: string, name: string | undefined, { habit }: { readonly habit: string }): readonly Claim[] =>
    name === undefined ? [] : [{ by: `${tool} (${name})`, habit }]
  const argo = annotations['argocd.argoproj.io/tracking-id']?.split(':')[0] ?? labels['argocd.argoproj.io/instance']
  const flux = labels['kustomize.toolkit.fluxcd.io/name']
  const fluxHelm = labels['helm.toolkit.fluxcd.io/name']
  const fleet = annotations['objectset.rio.cattle.io/owner-name']
  const helm = fluxHelm === undefined ? annotations['meta.helm.sh/release-name'] : undefined
  const reconciles = annotations['kustomize.toolkit.fluxcd.io/reconcile'] !== 'disabled'
  return [
    ...claim('Argo CD', argo, habits.argo),
    ...(reconciles ? claim('Flux', flux, habits.flux) : []),
    ...claim('Flux', fluxHelm, habits.flux),
    ...claim('Helm', helm, habits.helm),
    ...claim('Fleet', fleet, habits.flux),
    ...ownerReferences
      .filter(({ controller }) => controller === true)
      .map(({ kind = 'controller', name = '' }) => ({ by: `${kind} ${name}`, habit: habits.unknown.habit })),
  ]
}
