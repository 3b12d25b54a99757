/** Log directories: which of them can be used (Kafka's LogManager), and the room on their disks. */
import { type Family, gauge, gauges } from './family.ts'

export function logDirectoryFamilies(): Family[] {
  const manager = 'kafka_log_logmanager'
  return [
    gauge(
      `${manager}_offlinelogdirectorycount`,
      'Log directories that cannot be used.',
      ({ sources }) => sources.logDirectories.filter(({ isOffline }) => isOffline).length,
    ),
    gauges(`${manager}_logdirectoryoffline`, '1: the log directory cannot be used.', ({ sources }) =>
      sources.logDirectories.map(({ isOffline, path }) => ({
        labels: { logDirectory: path },
        value: Number(isOffline),
      })),
    ),
    gauges('ottla_disk_usable_bytes', 'Room left where the data are.', ({ spaces }) =>
      spaces.map(({ path, usableBytes }) => ({ labels: { logDirectory: path }, value: usableBytes })),
    ),
    gauges('ottla_disk_total_bytes', 'Size of the file system that holds the data.', ({ spaces }) =>
      spaces.map(({ path, totalBytes }) => ({ labels: { logDirectory: path }, value: totalBytes })),
    ),
  ]
}
