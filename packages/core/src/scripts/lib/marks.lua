-- The mark of what may write a set's jobs: `<version> <digest> <number>`.
local function mark_of(text)
  local version, digest, number = string.match(text, '^(%d+) (%S+) ?(%d*)$')
  return { content = version and version .. ' ' .. digest, version = tonumber(version or -1), number = tonumber(number or '') or 0 }
end
