Attribute VB_Name = "IcpJobs"
Option Explicit

' Watches background jobs: their status into the status bar, their results fetched when they end. The jobs are
' processes of their own; nothing here waits. A job touches its status every two seconds; after one that has not for
' ten, Python is asked, which knows whether its process is there.

Private Const POLL_SECONDS As Long = 2
Private Const SILENT_SECONDS As Long = 10

Private mTicking As Boolean
Private mLeft As String
Private mIdle As Long
Private mTold As Boolean
Private mAsked As Date

' Called after a button was pressed: look every two seconds until no job is at work.
Public Sub IcpWatch()
    mIdle = 0
    mTold = False
    If Not mTicking Then IcpTick
End Sub

Private Sub IcpTick()
    mTicking = True
    Application.OnTime Now + TimeSerial(0, 0, POLL_SECONDS), "'" & ThisWorkbook.Name & "'!IcpJobs.IcpPoll"
End Sub

Public Sub IcpPoll()
    Dim names As Variant
    Dim i As Long
    Dim state As String
    Dim line As String
    Dim working As Long
    Dim status As String
    On Error GoTo Done
    mTicking = False
    names = Split(IcpJobNames(), "|")
    For i = 0 To UBound(names)
        status = IcpRead(IcpJobsFolder() & names(i) & IcpSlash() & "status.txt")
        state = IcpText.IcpStateOf(status)
        If IcpText.IcpHasEnded(state) Then
            If Not IcpText.IcpHolds(mLeft, names(i)) Then
                ' Once only: a result that cannot be brought in now waits for the button.
                mLeft = mLeft & names(i) & "|"
                mTold = True
                Application.StatusBar = IcpText.IcpStatusLine(status)
                RunPython IcpText.IcpFetchCommand(names(i))
            End If
        ElseIf Len(state) > 0 Then
            working = working + 1
            line = IcpText.IcpStatusLine(status)
            If IcpIsSilent(IcpJobsFolder() & names(i) & IcpSlash() & "status.txt") Then
                If DateDiff("s", mAsked, Now) >= SILENT_SECONDS Then
                    mAsked = Now
                    mTold = True
                    RunPython IcpText.IcpFetchCommand(names(i))
                End If
            End If
        End If
    Next i
    If working > 1 Then line = line & "  (" & working & " jobs)"
    If working > 0 Then
        Application.StatusBar = line
        mIdle = 0
    Else
        ' What was said of the last job stays until the next button is pressed.
        If Not mTold Then Application.StatusBar = False
        mIdle = mIdle + 1
    End If
Done:
    ' A few more looks after the last job: on a Mac, Python is still starting when the button returns.
    If working > 0 Or mIdle < 5 Then IcpTick
End Sub

' Asks every job at work to stop, by the flag file that it looks for.
Public Sub IcpCancelJobs()
    Dim names As Variant
    Dim i As Long
    Dim handle As Integer
    Dim asked As Long
    On Error GoTo Failed
    names = Split(IcpJobNames(), "|")
    For i = 0 To UBound(names)
        If Not IcpText.IcpHasEnded(IcpText.IcpStateOf(IcpRead(IcpJobsFolder() & names(i) & IcpSlash() & "status.txt"))) Then
            handle = FreeFile
            Open IcpJobsFolder() & names(i) & IcpSlash() & "cancel" For Output As #handle
            Close #handle
            asked = asked + 1
        End If
    Next i
    If asked = 0 Then MsgBox "No background job is running.", vbInformation, "ICP"
    IcpWatch
    Exit Sub
Failed:
    MsgBox IcpText.IcpSentence(Err.Description), vbExclamation, "ICP"
End Sub

' When Excel starts: results that nobody fetched are offered, and jobs still at work are watched.
Public Sub IcpStart()
    Dim names As Variant
    Dim i As Long
    Dim state As String
    Dim ended As String
    Dim count As Long
    On Error GoTo Done
    names = Split(IcpJobNames(), "|")
    For i = 0 To UBound(names)
        state = IcpText.IcpStateOf(IcpRead(IcpJobsFolder() & names(i) & IcpSlash() & "status.txt"))
        If IcpText.IcpHasEnded(state) Then
            ended = ended & names(i) & "|"
            count = count + 1
        End If
    Next i
    mLeft = ended
    If UBound(names) >= count Then IcpWatch
    If count > 0 Then
        If Not ActiveWorkbook Is Nothing Then
            If MsgBox(count & " finished ICP job(s) wait for you. Bring in the results now?", vbYesNo + vbQuestion, "ICP") = vbYes Then
                IcpRibbon.IcpRun "collect"
                Exit Sub
            End If
        End If
        Application.StatusBar = "ICP: " & count & " finished job(s) wait under ICP > Bring in results"
    End If
Done:
End Sub

' Names of the jobs whose result was not fetched yet, each followed by a bar but the last.
Private Function IcpJobNames() As String
    Dim name As String
    Dim all As String
    Dim names As Variant
    Dim i As Long
    On Error GoTo Done
    name = Dir(IcpJobsFolder() & "*", vbDirectory)
    Do While Len(name) > 0
        If Left$(name, 1) <> "." Then all = all & name & "|"
        name = Dir
    Loop
    If Len(all) = 0 Then Exit Function
    names = Split(Left$(all, Len(all) - 1), "|")
    For i = 0 To UBound(names)
        If Len(Dir(IcpJobsFolder() & names(i) & IcpSlash() & "status.txt")) > 0 Then
            If Len(Dir(IcpJobsFolder() & names(i) & IcpSlash() & "delivered")) = 0 Then
                If Len(IcpJobNames) > 0 Then IcpJobNames = IcpJobNames & "|"
                IcpJobNames = IcpJobNames & names(i)
            End If
        End If
    Next i
Done:
End Function

Private Function IcpIsSilent(ByVal path As String) As Boolean
    On Error Resume Next
    IcpIsSilent = DateDiff("s", FileDateTime(path), Now) >= SILENT_SECONDS
End Function

Private Function IcpJobsFolder() As String
    ' As Python has it: icp_xl.user_dirs.
    If Len(Environ("ICP_XL_HOME")) > 0 Then
        IcpJobsFolder = Environ("ICP_XL_HOME") & Application.PathSeparator & "jobs" & Application.PathSeparator
        Exit Function
    End If
    #If Mac Then
        IcpJobsFolder = Environ("HOME") & "/icp_xl/jobs/"
    #Else
        IcpJobsFolder = Environ("USERPROFILE") & "\.icp_xl\jobs\"
    #End If
End Function

Private Function IcpSlash() As String
    IcpSlash = Application.PathSeparator
End Function

Private Function IcpRead(ByVal path As String) As String
    Dim handle As Integer
    On Error GoTo Gone
    If Len(Dir(path)) = 0 Then Exit Function
    handle = FreeFile
    Open path For Binary Access Read Shared As #handle
    IcpRead = Space$(LOF(handle))
    Get #handle, , IcpRead
    Close #handle
    Exit Function
Gone:
    IcpRead = ""
    On Error Resume Next
    Close #handle
End Function
