-- After lib/pause-names.lua.

-- Those of these pauses that there are, each once: `<name> <noticed> <end> <value as JSON>`.
local function lines_of_pauses(names)
  look_at_pauses(names)
  local lines, seen = {}, {}
  for _, name in ipairs(names) do
    if pause_seen[name] and not seen[name] then
      seen[name] = true
      local noticed = string.match(redis.call('HGET', key.pauses, name) or '', '^%d+') or '0'
      lines[#lines + 1] = name .. ' ' .. noticed .. ' ' .. pause_text(name)
    end
  end
  return lines
end
