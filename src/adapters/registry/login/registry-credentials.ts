import type { Sensitive } from '../../../sensitive.ts'

export type RegistryCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: Sensitive }
  /** Exchanged for a token of access by OAuth 2, as Azure's registry gives it. */
  | { readonly kind: 'identity token'; readonly token: Sensitive }
  /** Sent to the registry as it is. */
  | { readonly kind: 'registry token'; readonly token: Sensitive }

/** Tells whether two logins are the same, so that one that was refused is not sent again. */
export function sameCredentials(one: RegistryCredentials | undefined, other: RegistryCredentials | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  const words = (login: RegistryCredentials) =>
    login.kind === 'password' ? `${login.user}:${login.password.reveal()}` : login.token.reveal()
  return one.kind === other.kind && words(one) === words(other)
}
