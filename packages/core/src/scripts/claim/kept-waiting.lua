-- Each tenth run that a node looks at is of those that others of higher priority, of another queue or task, keep waiting: of each lane in turn whose first run
-- has been due for long. Within a lane the leader moves such runs up (age.lua).
local kept_waiting = {}
do
  local APART, LONG = 10, 30000
  local looked = tonumber(last[3] or nil) or 0 -- how many runs this node has looked at, of several lanes

  -- Whether it is the turn of what waits, after so many runs of this request.
  function kept_waiting.is_next(count) return (looked + count) % APART == APART - 1 end

  -- So many runs of several lanes were looked at; adds to `fields` what is to be kept of that.
  function kept_waiting.note(count, fields)
    if count > 0 then fields[#fields + 1] = 'looked'; fields[#fields + 1] = int(looked + count) end
    return fields
  end

  -- Of some lanes, one whose first run has been due for long. `score_of` answers a lane's first score, or nil; `first` is the lowest of all, `count` as above.
  function kept_waiting.lane_of(lanes, score_of, first, count)
    if first < FORCED_BELOW then return nil end -- by force: before all others
    local behind, late = (math.floor(first / PRIORITY) + 1) * PRIORITY, {}
    for _, lane in ipairs(lanes) do
      local score = score_of(lane)
      if score and score >= behind and score % PRIORITY < now - LONG then late[#late + 1] = lane end
    end
    return late[math.floor((looked + count) / APART) % math.max(#late, 1) + 1]
  end
end
