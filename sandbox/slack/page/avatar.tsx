import type { ReactNode } from 'react'
import type { User } from '../model.ts'
import { Icon } from './icons.tsx'

export function Avatar({ id, user }: { readonly id: string; readonly user: User | undefined }): ReactNode {
  if (user?.isBot === true) {
    return (
      <span className="avatar bot" aria-hidden="true">
        <Icon name="anchor" />
      </span>
    )
  }
  const hue = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)
  return (
    <span className="avatar" style={{ background: `hsl(${hue} 45% 36%)` }} aria-hidden="true">
      {(user?.realName ?? '?').slice(0, 1)}
    </span>
  )
}
