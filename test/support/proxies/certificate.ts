/** Certificates of a house's own authority, made for a test. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Why none can be made here; false: they can. */
export function needsCertificates(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' })
    return false
  } catch {
    return 'needs openssl, to make a certificate'
  }
}

export interface Certificate {
  /** Paths of PEM files. The certificate is its own authority. */
  key: string
  cert: string
}

/** @param names - as in subjectAltName: DNS:localhost, IP:127.0.0.1 */
export function makeCertificate(directory: string, names: string[]): Certificate {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name))
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=house', '-addext', `subjectAltName=${names.join(',')}`]
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  return { key, cert }
}
