import { useCallback, useEffect, useState } from 'react'

/** A state that the browser remembers. */
export function useStored(name: string, initial: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => localStorage.getItem(name) ?? initial)
  const keep = useCallback(
    (next: string) => {
      localStorage.setItem(name, next)
      setValue(next)
    },
    [name],
  )
  return [value, keep]
}

export type Theme = 'light' | 'dark'

/** The colours the system asks for, until the person chooses others. */
export function useTheme(): [Theme, () => void] {
  const [chosen, setChosen] = useStored('theme', '')
  const [system, setSystem] = useState<Theme>('light')
  useEffect(() => {
    const query = window.matchMedia('(prefers-color-scheme: dark)')
    const read = () => setSystem(query.matches ? 'dark' : 'light')
    read()
    query.addEventListener('change', read)
    return () => query.removeEventListener('change', read)
  }, [])
  const theme = chosen === 'light' || chosen === 'dark' ? chosen : system
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
  }, [theme])
  return [theme, () => setChosen(theme === 'dark' ? 'light' : 'dark')]
}

/** How far each person has read each channel, by timestamps. */
export function useSeen(): {
  since(user: string, channel: string): string
  mark(user: string, channel: string, ts: string): void
} {
  const [seen, setSeen] = useState<Readonly<Record<string, string>>>(
    () => JSON.parse(localStorage.getItem('seen') ?? '{}') as Record<string, string>,
  )
  return {
    since: (user, channel) => seen[`${user} ${channel}`] ?? '',
    mark: (user, channel, ts) => {
      const key = `${user} ${channel}`
      if ((seen[key] ?? '') >= ts) return
      const next = { ...seen, [key]: ts }
      localStorage.setItem('seen', JSON.stringify(next))
      setSeen(next)
    },
  }
}
